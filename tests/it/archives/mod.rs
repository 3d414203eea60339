//! `ArchiveService`.

mod add;
mod enforce_retention;
mod find;
mod list;
mod list_unarchived;
mod restore;
mod scene;
mod start;
