//! Delivers the end of an attempt.

use std::time::Duration;

use apiary_executor_sdk::lease::Ending;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::file::LeaseInFile;

/// Time for which an unavailable broker is retried. The work is done already, and a repeated delivery must send exactly
/// these bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Result of an attempt.
#[derive(Serialize)]
pub(super) struct EndedView {
    process_id: Uuid,
    attempt: i32,
    outcome: &'static str,
    /// Earliest start of the next attempt; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<Timestamp>,
}

/// Delivers a signed result.
pub(super) async fn send(held: &LeaseInFile, signed: &Ending) -> anyhow::Result<EndedView> {
    let ended = signed.send_within(&held.client, PATIENCE).await?;
    Ok(EndedView {
        process_id: held.subject.process_id,
        attempt: held.subject.attempt,
        outcome: signed.kind().as_str(),
        retry_at: ended.retry_at,
    })
}

impl EndedView {
    /// Formats the result.
    pub(super) fn text(&self) -> String {
        let next = self.retry_at.map(|at| format!(", next attempt at {at}")).unwrap_or_default();
        format!("{} attempt {}: {}{next}", self.process_id, self.attempt, self.outcome)
    }
}
