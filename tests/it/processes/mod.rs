//! `ProcessService`, and the HTTP door beside it.

mod r#await;
mod cancel;
mod curl;
mod delete;
mod dependencies;
mod discard;
mod explain;
mod get_process;
mod http_door;
mod list_logs;
mod list_processes;
pub(crate) mod read;
mod redrive;
mod retry;
mod submit;
mod submit_batch;
mod submit_redrive;
mod watch;

use apiary_executor_sdk::{Client, v1};
use apiary_tests::colony::state_of;
use apiary_tests::eventually;
use uuid::Uuid;

/// Waits until a process is in this state.
async fn in_state(reader: &Client, process_id: Uuid, state: v1::ProcessState) {
    let what = format!("process {process_id} is {}", state.as_str_name());
    eventually(&what, async || (state_of(reader, process_id).await == state).then_some(())).await;
}
