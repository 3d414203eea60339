//! Pauses of a colony, an executor type or a function.

pub(super) mod list;
pub(super) mod pause;
pub(super) mod resume;
