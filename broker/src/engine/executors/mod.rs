//! Executors: what they announce, when they were last seen, and the state that follows from it.

pub(super) mod drain;
pub(super) mod explain;
pub(super) mod list;
pub(super) mod list_functions;
pub(super) mod newcomers;
pub(super) mod register;
pub(super) mod reject;
