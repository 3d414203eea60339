//! Dispatch: polls that wait for work, and the claims made for them.

pub(super) mod dispatcher;
pub(super) mod holds;
pub(super) mod polls;
pub(super) mod turns;
