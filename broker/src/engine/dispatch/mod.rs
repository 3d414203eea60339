//! Dispatch: polls that wait for work, and the claims made for them.

pub(super) mod counting;
pub(super) mod dispatcher;
pub(super) mod empty_lanes;
#[cfg(test)]
mod fixtures;
pub(super) mod hand_over;
pub(super) mod joined;
pub(super) mod limited_lanes;
pub(super) mod polls;
