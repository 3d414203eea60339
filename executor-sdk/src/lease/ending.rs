//! Results: signed once, sent until the broker accepts or refuses them.

use std::time::Duration;

use apiary_identity::{Envelope, Outcome, OutcomeKind};
use apiary_protocol::Reason;
use jiff::Timestamp;

use crate::limits::BACKOFF_MOST;
use crate::retry::{pauses, retry};
use crate::{Client, ClientError};

/// A signed result, to be sent.
#[derive(Clone, Debug)]
pub struct Ending {
    kind: OutcomeKind,
    envelope: Envelope,
}

/// The broker's answer to a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportAnswer {
    /// `true` if this same result was accepted before.
    pub existed: bool,
    /// Earliest start of the next attempt; `None` if there will be none.
    pub retry_at: Option<Timestamp>,
}

impl Ending {
    pub(super) fn seal(client: &Client, outcome: &Outcome) -> Result<Self, ClientError> {
        Ok(Self { kind: outcome.outcome, envelope: Envelope::seal(client.key(), outcome)? })
    }

    /// Returns the kind of result.
    pub fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// Sends the same bytes until the broker accepts them, or refuses them for good. Has no time limit; the caller sets
    /// one.
    pub async fn send(&self, client: &Client) -> Result<ReportAnswer, ClientError> {
        let mut tries = pauses();
        loop {
            let error = match self.send_once(client).await {
                Ok(ended) => return Ok(ended),
                Err(error) => error,
            };
            if !error.is_retryable() && !error.is(&Reason::Internal) {
                return Err(error);
            }
            tracing::debug!(%error, "result not delivered yet");
            tokio::time::sleep(tries.next().unwrap_or(BACKOFF_MOST)).await;
        }
    }

    /// Sends the same bytes until the broker accepts or refuses them, or the pauses between tries add up to `most`;
    /// then returns the last error.
    pub async fn send_within(&self, client: &Client, most: Duration) -> Result<ReportAnswer, ClientError> {
        retry(most, || self.send_once(client)).await
    }

    async fn send_once(&self, client: &Client) -> Result<ReportAnswer, ClientError> {
        match self.kind {
            OutcomeKind::Succeeded => {
                let answer = client.complete(&self.envelope).await?;
                Ok(ReportAnswer { existed: answer.existed, retry_at: None })
            }
            OutcomeKind::FailedRetryable | OutcomeKind::FailedFinal | OutcomeKind::Refused | OutcomeKind::Cancelled => {
                let answer = client.fail(&self.envelope).await?;
                let retry_at = (answer.retry_at_ms > 0).then(|| Timestamp::from_millisecond(answer.retry_at_ms).ok());
                Ok(ReportAnswer { existed: answer.existed, retry_at: retry_at.flatten() })
            }
        }
    }
}
