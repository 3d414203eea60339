//! Results: signed once, sent until the broker has them.

use apiary_identity::limits::{CONTENT_BYTES_MAX, DURATION_MAX_MS};
use apiary_identity::{Content, Digest, Envelope, Outcome, OutcomeKind};
use bytes::Bytes;
use uuid::Uuid;

use super::Context;
use crate::client::millis;
use crate::limits::BACKOFF_MOST;
use crate::retry::pauses;
use crate::{ClientError, Failure};

/// Which attempt results are about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) process_id: Uuid,
    pub(super) attempt: i32,
    pub(super) spec_digest: Digest,
}

/// A signed result on its way.
pub(super) struct Report {
    pub(super) kind: OutcomeKind,
    envelope: Envelope,
}

impl Subject {
    /// What a handler returned. An output that cannot be sent is a failure that says so, and no retry helps it.
    pub(super) fn of_handler(
        &self,
        context: &Context,
        returned: Result<Bytes, Failure>,
    ) -> Result<Report, ClientError> {
        let output = match returned {
            Err(failure) => return self.failure(context, &failure),
            Ok(output) if output.len() > CONTENT_BYTES_MAX => {
                return self.failure(context, &Failure::fatal(too_large(output.len())));
            }
            Ok(output) => output,
        };
        let outcome = Outcome::succeeded(
            context.client.colony(),
            self.process_id,
            self.attempt,
            self.spec_digest,
            context.client.clock().now(),
            Content::from_bytes(&output),
        );
        match Report::seal(context, &outcome) {
            Err(error) => {
                self.failure(context, &Failure::fatal(format!("the handler's output cannot be sent: {error}")))
            }
            sealed => sealed,
        }
    }

    /// A failure in the executor's words.
    pub(super) fn failed(&self, context: &Context, kind: OutcomeKind, words: &str) -> Result<Report, ClientError> {
        Report::seal(context, &self.failed_outcome(context, kind, words))
    }

    fn failure(&self, context: &Context, failure: &Failure) -> Result<Report, ClientError> {
        let kind = if failure.retryable { OutcomeKind::FailedRetryable } else { OutcomeKind::FailedFinal };
        let mut outcome = self.failed_outcome(context, kind, &failure.message);
        if failure.retryable {
            outcome.retry_after_ms = failure.retry_after.map(|after| millis(after).min(DURATION_MAX_MS));
        }
        Report::seal(context, &outcome)
    }

    fn failed_outcome(&self, context: &Context, kind: OutcomeKind, words: &str) -> Outcome {
        // Words are kept as text, and no database's text can hold a NUL.
        let words = words.replace('\0', "\u{fffd}");
        let words = if words.trim().is_empty() { "the handler gave no reason" } else { &words };
        let now = context.client.clock().now();
        let Self { process_id, attempt, spec_digest } = *self;
        Outcome::failed(context.client.colony(), process_id, attempt, spec_digest, now, kind, words)
    }
}

impl Report {
    fn seal(context: &Context, outcome: &Outcome) -> Result<Self, ClientError> {
        Ok(Self { kind: outcome.outcome, envelope: Envelope::seal(context.client.key(), outcome)? })
    }

    /// Sends the very same bytes until the broker has them, or refuses them for good. Whoever calls decides how
    /// long that makes sense.
    pub(super) async fn send(&self, context: &Context) -> Result<(), ClientError> {
        let mut tries = pauses();
        loop {
            let error = match self.send_once(context).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.is_retryable() && !error.is("INTERNAL") {
                return Err(error);
            }
            tracing::debug!(%error, "result not delivered yet");
            tokio::time::sleep(tries.next().unwrap_or(BACKOFF_MOST)).await;
        }
    }

    async fn send_once(&self, context: &Context) -> Result<(), ClientError> {
        match self.kind {
            OutcomeKind::Succeeded => context.client.complete(&self.envelope).await.map(drop),
            OutcomeKind::FailedRetryable | OutcomeKind::FailedFinal | OutcomeKind::Refused | OutcomeKind::Cancelled => {
                context.client.fail(&self.envelope).await.map(drop)
            }
        }
    }
}

fn too_large(length: usize) -> String {
    format!(
        "the handler's output has {length} bytes, the most is {CONTENT_BYTES_MAX}: keep the bytes elsewhere and return where"
    )
}
