//! Processes: submitted, found, listed.

mod attempts;
mod explain;
mod get;
mod idempotency;
mod list;
mod list_logs;
mod submit;
