//! The archive: what finished leaves the broker for objects elsewhere, and comes back.

pub(super) mod add;
mod enforce_retention;
mod find;
mod list;
pub(super) mod list_unarchived;
pub(super) mod restore;
pub(super) mod start;
