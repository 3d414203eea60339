//! Presence of executors: last-seen times, grants, and the state derived from them.

pub(super) mod last_seen;
pub(super) mod roster;
pub(super) mod state;
