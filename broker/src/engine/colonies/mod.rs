//! Colonies: their guard, and their health.

pub(super) mod create;
pub(super) mod findings;
pub(super) mod get;
pub(super) mod get_guard;
pub(super) mod get_health;
pub(super) mod grant_ends;
pub(super) mod retention_lag;
pub(super) mod set_guard;
pub(super) mod snapshot;
