//! Events of a colony.

pub(super) mod list;
