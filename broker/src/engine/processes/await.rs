//! Waiting until a process is finished.

use std::sync::Arc;
use std::time::Duration;

use apiary_store::model::{Attempt, ProcessState, ProcessSummary, StoredGrant};
use tokio::time::Instant;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::notify::wakeups::Transition;
use crate::engine::processes::operations::no_process;

/// The state of an awaited process, with its last attempt.
pub(crate) struct AwaitResult {
    /// The process: finished, or unfinished when the time was over.
    pub(crate) process: ProcessSummary,
    /// The last attempt, with its executor's grant; `None` if it was never claimed.
    pub(crate) attempt: Option<(Attempt, Option<Arc<StoredGrant>>)>,
    /// True if the caller may not see payloads: then the result is left out.
    pub(crate) is_hidden: bool,
}

impl Engine {
    /// Waits up to `wait` until a process is finished, but no longer than the grant is valid. It takes one of the places of watches.
    pub(crate) async fn r#await(
        &self,
        permit: Permit<action::Await>,
        process_id: Uuid,
        wait: Duration,
    ) -> Result<AwaitResult, Error> {
        let place = self.place(&permit).await?;
        let (colony, until) = (permit.colony(), Instant::now() + wait);
        // Subscribed before the first read, so that no change falls between them.
        let mut changes = self.wakeups.subscribe();
        let process = loop {
            let found = self.store.summaries(&[process_id]).await?.pop().filter(|found| found.colony == colony.key);
            let Some(process) = found else {
                return Err(no_process(colony, process_id));
            };
            self.check_shown(&permit, process_id, process.submitter_grant).await?;
            if process.state.is_finished() || Instant::now() >= until {
                break process;
            }
            // A read without a hint, because another broker's hint may get lost; it also covers a lagging receiver.
            let look = until.min(Instant::now() + self.hearing.interval());
            let is_other = |Transition { change, state }| {
                change.process_id != process_id || state.is_some_and(|state: ProcessState| !state.is_finished())
            };
            let sign = async { while changes.recv().await.is_ok_and(is_other) {} };
            tokio::select! {
                // The end of a grant comes before anything that it would have shown.
                biased;
                ended = place.ended() => return Err(ended),
                () = self.drain.cancelled() => return Err(Error::Draining),
                _ = tokio::time::timeout_at(look, sign) => {}
            }
        };
        let mut attempts = self.store.attempts(process_id).await?;
        let executors = attempts.iter().map(|attempt| attempt.executor);
        let is_hidden = self.hides_payloads(&permit, process.submitter_grant, executors).await?;
        let Some(mut attempt) = attempts.pop() else {
            return Ok(AwaitResult { process, attempt: None, is_hidden });
        };
        attempt.result = attempt.result.filter(|_| !is_hidden);
        let grant = self.store.grants_by_key(&[attempt.executor]).await?.pop().map(Arc::new);
        Ok(AwaitResult { process, attempt: Some((attempt, grant)), is_hidden })
    }
}
