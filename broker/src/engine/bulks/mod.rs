//! Bulk actions: one verb on all processes that match.

pub(super) mod get;
pub(super) mod list;
pub(super) mod start;
pub(super) mod stop;
