//! Presence: which executors are there, and in which state.

pub(super) mod last_seen;
pub(super) mod roster;
pub(super) mod state;
