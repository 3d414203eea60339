//! Limits, and how much of them is used.

pub(super) mod cache;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod set;
pub(super) mod usage;
