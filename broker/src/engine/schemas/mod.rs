//! Schemas of arguments, as executors announce them: compiled, and cached.

pub(super) mod args_schema;
pub(super) mod cache;
pub(super) mod catalogue;
