//! Schemas of arguments, as executors announce them: compiled, and remembered.

pub(super) mod args_schema;
pub(super) mod cache;
pub(super) mod catalogue;
