//! Limits, and their use.

pub(super) mod cache;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod set;
pub(super) mod usage;
