//! Grants: one file per call.

pub(super) mod add;
pub(super) mod list;
pub(super) mod revoke;
