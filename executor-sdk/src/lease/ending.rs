//! Results: signed once, sent until the broker accepts or refuses them.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use apiary_identity::{Document as _, Envelope, Outcome, OutcomeKind};
use apiary_protocol::Reason;
use bytes::Bytes;
use jiff::Timestamp;

use crate::limits::BACKOFF_MOST;
use crate::retry::{pauses, retry};
use crate::{Client, ClientError};

/// A result, to be sent. It is signed when it is first sent, alone or with others of the same client; after that it
/// stays as it is, and its clones with it.
#[derive(Clone)]
pub struct Ending {
    result: Arc<SignedOnce>,
}

/// A printed result, and its envelope once it was sent.
struct SignedOnce {
    kind: OutcomeKind,
    payload: Bytes,
    envelope: OnceLock<Envelope>,
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
    /// Checks and prints a result.
    pub(super) fn print(outcome: &Outcome) -> Result<Self, ClientError> {
        let payload = outcome.to_json()?.into();
        Ok(Self { result: Arc::new(SignedOnce { kind: outcome.outcome, payload, envelope: OnceLock::new() }) })
    }

    /// Returns the kind of result.
    pub fn kind(&self) -> OutcomeKind {
        self.result.kind
    }

    /// Returns the printed document.
    pub(crate) fn payload(&self) -> &Bytes {
        &self.result.payload
    }

    /// Returns `true` if the result has its signature.
    pub(crate) fn is_signed(&self) -> bool {
        self.result.envelope.get().is_some()
    }

    /// Returns the signed result: as it was signed before, or as it is signed now.
    pub(crate) fn signed_as(&self, sign: impl FnOnce() -> Envelope) -> &Envelope {
        self.result.envelope.get_or_init(sign)
    }

    /// Sends the same bytes until the broker accepts them, or refuses them for good. Has no time limit; the caller sets
    /// one.
    pub async fn send(&self, client: &Client) -> Result<ReportAnswer, ClientError> {
        self.send_by(|| client.end(self)).await
    }

    /// Sends as [`send`](Self::send) does, by calls of another kind.
    pub(crate) async fn send_by<F>(&self, call: impl Fn() -> F) -> Result<ReportAnswer, ClientError>
    where
        F: Future<Output = Result<ReportAnswer, ClientError>>,
    {
        let mut tries = pauses();
        loop {
            let error = match call().await {
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
        retry(most, || client.end(self)).await
    }
}

impl fmt::Debug for Ending {
    /// Prints no output, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending")
            .field("kind", &self.kind())
            .field("bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}
