//! The attempt that progress and results refer to.

use apiary_identity::{Content, Digest, Envelope, Outcome, OutcomeKind, Progress};
use apiary_proto::v1;
use uuid::Uuid;

use super::ending::Ending;
use crate::client::millis;
use crate::{Client, ClientError, Failure};

/// The attempt that progress or a result refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The process.
    pub process_id: Uuid,
    /// Number of the attempt. The broker refuses statements of an attempt that is no longer the current one.
    pub attempt: i32,
    /// Digest of the spec's envelope, as received.
    pub spec_digest: Digest,
}

impl Subject {
    /// Reads the attempt from a lease, even if its spec is invalid; `None` for a lease without process or attempt, of
    /// which nothing can be reported.
    pub fn of(lease: &v1::Lease) -> Option<Self> {
        let process_id = lease.process_id.parse().ok()?;
        let spec_digest = match &lease.spec {
            Some(spec) => Digest::of(&spec.payload_type, &spec.payload),
            None => Digest::of("", &[]),
        };
        (lease.attempt >= 1).then_some(Self { process_id, attempt: lease.attempt, spec_digest })
    }

    /// Makes a success with this output, to be signed and sent.
    ///
    /// # Errors
    ///
    /// [`ClientError::Invalid`] if the output has more than 1 MiB, or cannot be stored.
    pub fn succeeded(&self, client: &Client, output: &[u8]) -> Result<Ending, ClientError> {
        let (Self { process_id, attempt, spec_digest }, now) = (*self, client.clock().now());
        let content = Content::from_bytes(output);
        Ending::print(&Outcome::succeeded(client.colony(), process_id, attempt, spec_digest, now, content))
    }

    /// Makes a handler's failure, to be signed and sent. A failure that should have released the work counts as retryable here.
    pub fn failed(&self, client: &Client, failure: &Failure) -> Result<Ending, ClientError> {
        let kind = if failure.is_retryable() { OutcomeKind::FailedRetryable } else { OutcomeKind::FailedFinal };
        let mut outcome = self.outcome(client, kind, failure.message());
        if failure.is_retryable() {
            let most = apiary_identity::limits::DURATION_MAX_MS;
            outcome.retry_after_ms = failure.earliest().map(|after| millis(after).min(most));
        }
        Ending::print(&outcome)
    }

    /// Makes an end without output, to be signed and sent, with the executor's reason: refused, or cancelled.
    pub fn ended(&self, client: &Client, kind: OutcomeKind, words: &str) -> Result<Ending, ClientError> {
        Ending::print(&self.outcome(client, kind, words))
    }

    /// Signs a report of progress. `number` counts the attempt's reports: a report older than the last changes nothing.
    /// Fields that `fill` leaves out keep their last value, except the output so far, which is only in the report that
    /// has it.
    pub fn progress(
        &self,
        client: &Client,
        number: i64,
        fill: impl FnOnce(Progress) -> Progress,
    ) -> Result<Envelope, ClientError> {
        let (Self { process_id, attempt, spec_digest }, now) = (*self, client.clock().now());
        let progress = Progress::new(client.colony(), process_id, attempt, spec_digest, number, now);
        Ok(Envelope::seal(client.key(), &fill(progress))?)
    }

    fn outcome(&self, client: &Client, kind: OutcomeKind, words: &str) -> Outcome {
        // The reason is stored as text, and Postgres's text cannot hold a NUL.
        let words = words.replace('\0', "\u{fffd}");
        let words = if words.trim().is_empty() { "the handler gave no reason" } else { &words };
        let (Self { process_id, attempt, spec_digest }, now) = (*self, client.clock().now());
        Outcome::failed(client.colony(), process_id, attempt, spec_digest, now, kind, words)
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;
    use bytes::Bytes;

    use super::*;
    use crate::wire::envelope_to_proto;

    #[test]
    fn an_envelope_keeps_its_digest_over_the_wire() {
        let key = KeyPair::generate();
        let envelope = Envelope::sign(&key, "application/x", Bytes::from_static(b"{}"));
        let wire = envelope_to_proto(&envelope);
        assert_eq!(Digest::of(&wire.payload_type, &wire.payload), envelope.digest());
    }
}
