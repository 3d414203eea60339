//! Waiting for a process to finish.

use std::time::Duration;

use apiary_proto::v1;
use apiary_proto::v1::ProcessState;
use uuid::Uuid;

use super::Client;
use crate::ClientError;
use crate::retry::pauses;

impl Client {
    /// Waits until a process is finished, and returns it. Has no time limit, and continues through broker failures and
    /// restarts: put a `tokio::time::timeout` around it.
    pub async fn wait_until_finished(&self, process_id: Uuid) -> Result<v1::Process, ClientError> {
        let mut tries = pauses();
        loop {
            let at_least = match self.watch_until_finished(process_id).await {
                Ok(Some(process)) => return Ok(process),
                // The stream ended early, without an error: ask again.
                Ok(None) => Duration::ZERO,
                Err(error) if error.is_retryable() => error.retry_after(),
                Err(error) => return Err(error),
            };
            tokio::time::sleep(tries.next().unwrap_or_default().max(at_least)).await;
        }
    }

    async fn watch_until_finished(&self, process_id: Uuid) -> Result<Option<v1::Process>, ClientError> {
        let request = v1::WatchRequest { process_id: process_id.to_string(), ..Default::default() };
        let mut watch = self.watch(request).await?;
        while let Some(process) = watch.next().await {
            let process = process?;
            if is_finished(process.state()) {
                return Ok(Some(process));
            }
        }
        Ok(None)
    }
}

/// Returns `true` if a process in this state does not change any more by itself.
fn is_finished(state: ProcessState) -> bool {
    match state {
        ProcessState::Succeeded | ProcessState::Failed | ProcessState::Cancelled | ProcessState::DeadLetter => true,
        ProcessState::Unspecified | ProcessState::Waiting | ProcessState::Blocked | ProcessState::Running => false,
    }
}
