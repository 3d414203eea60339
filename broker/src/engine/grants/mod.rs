//! Grants: one file per verb.

pub(super) mod add;
pub(super) mod list;
pub(super) mod revoke;
