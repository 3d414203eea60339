//! State of the contact with the broker: growing pauses while calls fail, and a log line per change.

use std::time::Duration;

use apiary_protocol::{Fault, Reason};
use backon::ExponentialBackoff;

use crate::ClientError;
use crate::limits::BACKOFF_MOST;
use crate::retry::pauses;

/// State of the contact with the broker.
pub(super) struct BrokerContact {
    accepted: bool,
    trouble: Option<String>,
    pauses: ExponentialBackoff,
}

impl BrokerContact {
    pub(super) fn new() -> Self {
        Self { accepted: false, trouble: None, pauses: pauses() }
    }

    /// Records that the broker accepted a claim.
    pub(super) fn accepted(&mut self) {
        self.accepted = true;
        if self.trouble.take().is_some() {
            tracing::info!("the broker accepts claims again");
        }
    }

    /// Returns `true` if the broker has ever accepted a claim.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// Resets the back-off after a normal answer.
    pub(super) fn went_well(&mut self) {
        self.pauses = pauses();
    }

    /// Returns the wait before the next claim.
    pub(super) fn pause(&mut self) -> Duration {
        self.pauses.next().unwrap_or(BACKOFF_MOST)
    }

    /// Records a failed claim; returns the wait, or the error if waiting cannot help.
    pub(super) fn failed(&mut self, error: ClientError) -> Result<Duration, ClientError> {
        // Before the first accepted claim, a final refusal is most likely a wrong key, grant or address: end, so that
        // it is noticed.
        if !self.accepted && !can_pass(&error) {
            return Err(error);
        }
        let (kind, at_least) = (kind(&error), error.retry_after());
        // Logged once per kind of trouble, and not for each of the endless tries.
        if self.trouble.as_deref() != Some(kind) {
            if can_pass(&error) {
                tracing::warn!(%error, "cannot claim work at the moment; trying again");
            } else {
                tracing::error!(%error, "the broker refuses claims; trying again");
            }
            self.trouble = Some(kind.to_owned());
        }
        Ok(self.pause().max(at_least))
    }
}

/// Returns `true` if the error can go away by itself: the broker returns, is repaired, or the clocks agree again. Only
/// a reason given by the broker is final, because other answers come from something between it and this executor.
pub(super) fn can_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { reason: Reason::Internal | Reason::RequestStale, .. } => true,
        ClientError::Refused { .. } => error.fault() == Fault::Again,
        ClientError::Invalid(_) | ClientError::Broken(_) => false,
        ClientError::Status { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Timeout { .. }
        | ClientError::Answer(_) => true,
    }
}

/// Returns the key by which errors count as the same trouble; their texts may differ between tries.
fn kind(error: &ClientError) -> &str {
    match error {
        ClientError::Refused { reason, .. } => reason.as_str(),
        ClientError::Status { code, .. } => code,
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } => "away",
        ClientError::Invalid(_) | ClientError::Answer(_) | ClientError::Broken(_) => "nonsense",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reason: &str, retryable: bool) -> ClientError {
        ClientError::Refused {
            reason: reason.into(),
            message: "no".to_owned(),
            retryable,
            retry_after: None,
            request_id: None,
        }
    }

    #[test]
    fn no_pause_is_shorter_than_the_broker_asks_for() {
        let asked = Duration::from_secs(40);
        let overloaded = |retry_after| ClientError::Refused {
            reason: Reason::Overloaded,
            message: "no".to_owned(),
            retryable: true,
            retry_after,
            request_id: None,
        };
        assert_eq!(BrokerContact::new().failed(overloaded(Some(asked))).unwrap(), asked);
        assert!(BrokerContact::new().failed(overloaded(None)).unwrap() < Duration::from_secs(1));
    }

    fn away() -> ClientError {
        ClientError::Unreachable { address: "http://127.0.0.1:1".to_owned(), problem: "refused".to_owned() }
    }

    #[test]
    fn pauses_grow_to_their_bound_and_start_again_after_success() {
        let mut contact = BrokerContact::new();
        let pauses: Vec<_> = (0..12).map(|_| contact.failed(away()).unwrap()).collect();
        assert!(pauses[0] < Duration::from_secs(1), "{pauses:?}");
        assert!(pauses[11] >= BACKOFF_MOST && pauses[11] <= 2 * BACKOFF_MOST, "{pauses:?}");
        contact.went_well();
        assert!(contact.pause() < Duration::from_secs(1));
    }

    #[test]
    fn a_refusal_for_good_ends_only_an_executor_that_was_never_accepted() {
        let mut contact = BrokerContact::new();
        assert!(contact.failed(away()).is_ok());
        assert!(contact.failed(refusal("DRAINING", true)).is_ok());
        assert!(contact.failed(refusal("REQUEST_STALE", false)).is_ok());
        let status = ClientError::Status { code: "Unimplemented".to_owned(), message: "no".to_owned() };
        assert!(contact.failed(status).is_ok());
        assert_eq!(contact.failed(refusal("NOT_PERMITTED", false)).unwrap_err().reason(), Some("NOT_PERMITTED"));
        contact.accepted();
        assert!(contact.failed(refusal("NOT_PERMITTED", false)).is_ok());
    }
}
