//! Errors between a client and its broker, each with advice.

use std::error::Error as _;
use std::time::Duration;

use apiary_identity::{DocumentError, EnvelopeError};
use apiary_protocol::details::Details;
use apiary_protocol::fault::of_grpc_status;
use apiary_protocol::{Fault, Reason};
use tonic::{Code, Status};

use crate::limits::RETRY_AFTER_MOST;

/// The error of a call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The broker refused the call.
    #[error("{message} ({reason})")]
    Refused {
        /// The exact reason, for programs; `docs/errors.md` lists them.
        reason: Reason,
        /// The broker's message, which ends in advice.
        message: String,
        /// `true` if the same call can succeed later without a change.
        retryable: bool,
        /// Minimum wait before the next try, if the broker gives one; at most [`RETRY_AFTER_MOST`].
        retry_after: Option<Duration>,
        /// The id of the request, by which the broker's operator finds the call in the log.
        request_id: Option<String>,
    },
    /// A gRPC status without a reason: from a proxy, or another server at the broker's address.
    #[error("{message} (gRPC status {code}, without a reason); is that an Apiary broker?")]
    Status {
        /// The gRPC code's name, for example `Unimplemented`.
        code: String,
        /// The call, and the status's message.
        message: String,
    },
    /// No answer: no connection, or it broke. The broker may or may not have acted on the call.
    #[error("the broker at {address} cannot be reached: {problem}")]
    Unreachable {
        /// The address tried.
        address: String,
        /// The network's error, with advice.
        problem: String,
    },
    /// No answer in time. The broker may or may not have acted on the call.
    #[error("{method} took longer than {} ms: try again, or raise the client's call timeout", .after.as_millis())]
    Timeout {
        /// The call.
        method: &'static str,
        /// The time-out.
        after: Duration,
    },
    /// An argument or setting of the SDK is invalid. Nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The broker's answer is invalid.
    #[error("the broker's answer makes no sense: {0}; is this an Apiary broker of the same version?")]
    Answer(String),
    /// A part of this program panicked repeatedly; the log has the place. A restart may help.
    #[error("{0}")]
    Broken(String),
}

impl ClientError {
    /// Returns the exact reason of a refusal, as on the wire.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => Some(reason.as_str()),
            _ => None,
        }
    }

    /// Returns `true` if the broker refused for exactly this reason.
    pub fn is(&self, reason: &Reason) -> bool {
        matches!(self, Self::Refused { reason: given, .. } if given == reason)
    }

    /// Returns the side at fault. A document that cannot be sent is at fault itself; an unreadable answer is not the
    /// document's fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { reason, retryable, .. } => reason.fault(*retryable),
            Self::Unreachable { .. } | Self::Timeout { .. } => Fault::Again,
            Self::Status { .. } | Self::Answer(_) | Self::Broken(_) => Fault::Surroundings,
            Self::Invalid(_) => Fault::Document,
        }
    }

    /// Returns `true` if the same call can succeed later without a change. Calls with a signed document can be repeated
    /// safely: the broker answers the same document as it did the first time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { retryable, .. } => *retryable,
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Status { .. } | Self::Invalid(_) | Self::Answer(_) | Self::Broken(_) => false,
        }
    }

    /// Returns the minimum wait before the next try; zero if the broker gives none.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Translates a refusal: of a call, or of one document of a batch.
    pub(crate) fn refused(
        method: &'static str,
        timeout: Duration,
        details: &Details,
        message: &str,
        request_id: Option<&str>,
    ) -> Self {
        let reason = Reason::from(&*clipped(&details.reason, 64));
        if reason == Reason::DeadlineExceeded {
            return Self::Timeout { method, after: timeout };
        }
        let (message, retryable) = (clipped(message, 4096), details.retryable);
        // Bounded, because a faulty or hostile broker could otherwise stop its callers for years.
        let retry_after = details.retry_after.map(|after| after.min(RETRY_AFTER_MOST));
        let request_id = request_id.map(|id| clipped(id, 64));
        Self::Refused { reason, message, retryable, retry_after, request_id }
    }

    /// Translates a gRPC status.
    pub(crate) fn from_status(address: &str, method: &'static str, timeout: Duration, status: &Status) -> Self {
        if let Some(details) = Details::of(status) {
            let request_id = status.metadata().get("x-request-id").and_then(|id| id.to_str().ok());
            return Self::refused(method, timeout, &details, status.message(), request_id);
        }
        // A status with a source was made on this side, from a transport error.
        let transport = status.source().is_some();
        match status.code() {
            Code::DeadlineExceeded => Self::Timeout { method, after: timeout },
            Code::OutOfRange => Self::Answer(clipped(status.message(), 512)),
            code if transport || of_grpc_status(code.into()) == Fault::Again => {
                Self::Unreachable { address: address.to_owned(), problem: words(status) }
            }
            code => Self::Status {
                code: format!("{code:?}"),
                message: format!("{method}: {}", clipped(status.message(), 4096)),
            },
        }
    }
}

impl From<EnvelopeError> for ClientError {
    fn from(error: EnvelopeError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<DocumentError> for ClientError {
    fn from(error: DocumentError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Returns the status's message with its sources, because "transport error" alone is no help.
fn words(status: &Status) -> String {
    let mut words = status.message().to_owned();
    let mut source = status.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
        source = error.source();
    }
    format!("{}; check the address, and that the broker runs", clipped(&words, 512))
}

/// Cuts text from a broker, and replaces control characters, which could rewrite a terminal or a log.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
