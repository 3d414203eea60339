//! Group commit: concurrent writes go to the database together.

pub(super) mod committer;
