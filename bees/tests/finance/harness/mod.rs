//! Harness of the finance tests: databases, servers and events.

pub(crate) mod cases;
pub(crate) mod database;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod scripted;
pub(crate) mod state;
pub(crate) mod supabase_lite;
