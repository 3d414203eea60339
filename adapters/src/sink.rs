//! The interface to the broker, for verified events.

use std::time::Duration;

use apiary_executor_sdk::{Client, ClientError, Fault, Reason, SubmitResult};
use apiary_identity::{Id, Spec};
use async_trait::async_trait;

use crate::limits::{FORWARD_PAUSE_AWAY_MAX, FORWARD_PAUSE_REFUSED_MAX};

/// A destination that stores specs durably. [`Client`] submits them to its broker.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Returns the colony whose processes the specs become.
    fn colony(&self) -> Id;

    /// Signs and submits a spec; the process is committed on return. May be cancelled, and repeated with a spec of the
    /// same idempotency key, which returns the first process.
    async fn submit(&self, spec: &Spec) -> Result<SubmitResult, SinkError>;

    /// Signs and submits specs in their order; each has an answer of its own. Like [`submit`](Self::submit), the call may
    /// be cancelled and repeated.
    async fn submit_all(&self, specs: &[Spec]) -> Vec<Result<SubmitResult, SinkError>> {
        let mut answers = Vec::with_capacity(specs.len());
        for spec in specs {
            answers.push(self.submit(spec).await);
        }
        answers
    }

    /// Returns true if specs would be accepted, without submitting one; false if nothing answers.
    async fn is_ready(&self) -> bool;
}

/// Reasons why a spec was not accepted, by the remedy. In every case the event stays on this machine's disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// No answer of a broker: retry.
    #[error("the broker is unreachable: {0}")]
    Away(String),
    /// The broker is temporarily unavailable: retry.
    #[error("the broker is temporarily unavailable: {message} ({reason})")]
    Unready {
        /// The exact reason, for programs.
        reason: String,
        /// The broker's message.
        message: String,
    },
    /// The broker rejects every event of this adapter: a person has to change a grant, a key or an address.
    #[error("the broker rejects this adapter: {message} ({reason})")]
    Refused {
        /// The exact reason, for programs.
        reason: String,
        /// The broker's message.
        message: String,
    },
    /// The broker rejects this spec, and would accept others.
    #[error("the broker rejects the event: {message} ({reason})")]
    Unacceptable {
        /// The exact reason, for programs.
        reason: String,
        /// The broker's message.
        message: String,
    },
}

impl SinkError {
    /// Creates the error of a broker that gave no answer within this time.
    pub(crate) fn late(after: Duration) -> Self {
        Self::Away(format!("no answer within {} ms", after.as_millis()))
    }

    /// Returns the longest pause until the next attempt; `None` if the fault is the spec's, and nothing has to wait.
    pub(crate) fn pause_max(&self) -> Option<Duration> {
        match self {
            Self::Away(_) | Self::Unready { .. } => Some(FORWARD_PAUSE_AWAY_MAX),
            Self::Refused { .. } => Some(FORWARD_PAUSE_REFUSED_MAX),
            Self::Unacceptable { .. } => None,
        }
    }

    /// Returns true if the same document may be accepted later: after a change of grants, schemas or limits, or of the
    /// broker.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unacceptable { reason, .. } => {
                !matches!(Reason::from(reason.as_str()), Reason::Invalid | Reason::TooLarge)
            }
            Self::Away(_) | Self::Unready { .. } | Self::Refused { .. } => true,
        }
    }

    /// Returns the exact reason, for programs.
    pub fn reason(&self) -> &str {
        match self {
            Self::Away(_) => "UNREACHABLE",
            Self::Unready { reason, .. } | Self::Refused { reason, .. } | Self::Unacceptable { reason, .. } => reason,
        }
    }
}

#[async_trait]
impl Sink for Client {
    fn colony(&self) -> Id {
        Self::colony(self)
    }

    async fn submit(&self, spec: &Spec) -> Result<SubmitResult, SinkError> {
        match Self::submit(self, spec).await {
            Ok(submitted) => Ok(submitted),
            Err(error) if error.is(&Reason::NotPermitted) && has_grant(self).await => Err(not_granted(spec)),
            Err(error) => Err(error.into()),
        }
    }

    async fn submit_all(&self, specs: &[Spec]) -> Vec<Result<SubmitResult, SinkError>> {
        let answers = Self::submit_all(self, specs).await;
        let is_not_permitted = |answer: &Result<_, ClientError>| {
            answer.as_ref().is_err_and(|error: &ClientError| error.is(&Reason::NotPermitted))
        };
        let has_grant = answers.iter().any(is_not_permitted) && has_grant(self).await;
        let of_spec = |(spec, answer): (&Spec, Result<SubmitResult, ClientError>)| match answer {
            answer if has_grant && is_not_permitted(&answer) => Err(not_granted(spec)),
            answer => answer.map_err(SinkError::from),
        };
        specs.iter().zip(answers).map(of_spec).collect()
    }

    async fn is_ready(&self) -> bool {
        Self::is_ready(self).await.unwrap_or(false)
    }
}

fn not_granted(spec: &Spec) -> SinkError {
    SinkError::Unacceptable {
        reason: Reason::NotPermitted.to_string(),
        message: format!("no grant of this adapter covers `{}` for `{}`", spec.function, spec.executor_type),
    }
}

/// Returns true if the key has a grant in force, whatever it covers. A route that no grant covers concerns only its own
/// events then, which must not hold up the others; without any grant, all events wait.
async fn has_grant(client: &Client) -> bool {
    // Any member of a colony may list its pauses.
    client.list_pauses().await.is_ok()
}

impl From<ClientError> for SinkError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { reason, message, retryable: true, .. } => {
                Self::Unready { reason: reason.to_string(), message }
            }
            ClientError::Refused { reason, message, retryable, .. } => match reason.fault(retryable) {
                Fault::Document => Self::Unacceptable { reason: reason.to_string(), message },
                Fault::Surroundings => Self::Refused { reason: reason.to_string(), message },
                Fault::Again => Self::Unready { reason: reason.to_string(), message },
            },
            ClientError::Status { code, message } => Self::Refused { reason: code, message },
            ClientError::Invalid(message) => Self::Unacceptable { reason: "INVALID".to_owned(), message },
            // No answer; or an answer of a proxy or another program, which has not examined the event.
            other => Self::Away(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use apiary_executor_sdk::ClientError;

    use super::SinkError;

    fn of(reason: &str, retryable: bool) -> SinkError {
        ClientError::Refused {
            reason: reason.into(),
            message: "no".to_owned(),
            retryable,
            retry_after: None,
            request_id: None,
        }
        .into()
    }

    #[test]
    fn a_refusal_is_told_apart_by_what_can_be_done_about_it() {
        for reason in ["NOT_PERMITTED", "COLONY_UNKNOWN", "SIGNATURE_INVALID"] {
            assert!(matches!(of(reason, false), SinkError::Refused { .. }), "{reason}");
        }
        for reason in ["INVALID", "TOO_LARGE", "ARGS_REFUSED", "LIMIT_UNKNOWN", "INTERNAL", "TAKEN", "SOMETHING_LATER"]
        {
            assert!(matches!(of(reason, false), SinkError::Unacceptable { .. }), "{reason}");
        }
        for reason in ["OVERLOADED", "DRAINING", "UNAVAILABLE"] {
            let error = of(reason, true);
            assert!(matches!(error, SinkError::Unready { .. }) && error.reason() == reason, "{error:?}");
        }
    }

    #[test]
    fn only_a_document_that_is_wrong_in_itself_is_never_accepted_later() {
        for reason in ["NOT_PERMITTED", "ARGS_REFUSED", "INTERNAL", "LIMIT_UNKNOWN", "TAKEN", "SOMETHING_LATER"] {
            let error = SinkError::Unacceptable { reason: reason.to_owned(), message: "no".to_owned() };
            assert!(error.may_pass() && error.pause_max().is_none(), "{reason}");
        }
        for reason in ["INVALID", "TOO_LARGE"] {
            assert!(!of(reason, false).may_pass(), "{reason}");
        }
    }

    #[test]
    fn no_answer_means_away_and_so_does_nonsense() {
        let unreachable = ClientError::Unreachable { address: "broker".to_owned(), problem: "refused".to_owned() };
        assert!(matches!(unreachable.into(), SinkError::Away(_)));
        let timeout = ClientError::Timeout { method: "Submit", after: std::time::Duration::from_secs(1) };
        assert!(matches!(timeout.into(), SinkError::Away(_)));
        assert!(matches!(ClientError::Answer("no UUID".to_owned()).into(), SinkError::Away(_)));
        let status = ClientError::Status { code: "Unimplemented".to_owned(), message: "no".to_owned() };
        assert!(matches!(status.into(), SinkError::Refused { .. }));
        assert!(matches!(ClientError::Invalid("too deep".to_owned()).into(), SinkError::Unacceptable { .. }));
    }
}
