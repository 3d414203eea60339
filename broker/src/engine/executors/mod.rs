//! Executors: their announcements, their last-seen times, and the state that follows.

pub(super) mod drain;
pub(super) mod explain;
pub(super) mod list;
pub(super) mod list_functions;
pub(super) mod newcomers;
pub(super) mod register;
pub(super) mod reject;
