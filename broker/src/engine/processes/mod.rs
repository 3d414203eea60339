//! Processes: one file per verb, and the parts that they share.

pub(super) mod r#await;
pub(super) mod cancel;
pub(super) mod delete;
pub(super) mod discard;
pub(super) mod explain;
pub(super) mod get;
pub(super) mod list;
pub(super) mod list_logs;
pub(super) mod operations;
pub(super) mod priority_time;
pub(super) mod redrive;
pub(super) mod retry;
mod shown;
pub(super) mod submit;
pub(super) mod submit_batch;
pub(super) mod watch;
