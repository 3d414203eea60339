//! What can go wrong between a client and its broker, and what to do about it.

use std::error::Error as _;
use std::time::Duration;

use apiary_identity::{DocumentError, EnvelopeError};
use apiary_protocol::details::Details;
use apiary_protocol::fault::of_grpc_status;
use apiary_protocol::{Fault, Reason};
use tonic::{Code, Status};

use crate::limits::RETRY_AFTER_MOST;

/// Why a call gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The broker answered, and said no.
    #[error("{message} ({reason})")]
    Refused {
        /// The exact reason, for programs; `docs/errors.md` lists them.
        reason: Reason,
        /// The broker's own words, which end in advice.
        message: String,
        /// True if the same call can succeed later without a change.
        retryable: bool,
        /// The shortest pause before that, if the broker names one; at most [`RETRY_AFTER_MOST`].
        retry_after: Option<Duration>,
    },
    /// An answer with a gRPC status and no reason: a proxy's, or that of another server in the broker's place.
    #[error("{message} (gRPC status {code}, without a reason); is that an Apiary broker?")]
    Status {
        /// The gRPC code's name, for example `Unimplemented`.
        code: String,
        /// The call, and the words that came with the status.
        message: String,
    },
    /// No answer: no connection, or it broke. Whether the broker acted on the call is not known.
    #[error("the broker at {address} cannot be reached: {problem}")]
    Unreachable {
        /// Where the broker was looked for.
        address: String,
        /// The network's error, and what to do about it.
        problem: String,
    },
    /// No answer in time. Whether the broker acted on the call is not known.
    #[error("{method} took longer than {} ms: try again, or raise the client's call timeout", .after.as_millis())]
    Timeout {
        /// The call.
        method: &'static str,
        /// How long it was given.
        after: Duration,
    },
    /// Something given to the SDK cannot be used. Nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The broker's answer cannot be right.
    #[error("the broker's answer makes no sense: {0}; is this an Apiary broker of the same version?")]
    Answer(String),
    /// A part of this program panicked again and again; its log says where. A new start may help.
    #[error("{0}")]
    Broken(String),
}

impl ClientError {
    /// The exact reason of a refusal, as on the wire.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => Some(reason.as_str()),
            _ => None,
        }
    }

    /// Whether the broker refused for exactly this reason.
    pub fn is(&self, reason: &Reason) -> bool {
        matches!(self, Self::Refused { reason: given, .. } if given == reason)
    }

    /// The side at fault. What cannot be sent is the document's, and an answer that nobody can read is not.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { reason, retryable, .. } => reason.fault(*retryable),
            Self::Unreachable { .. } | Self::Timeout { .. } => Fault::Again,
            Self::Status { .. } | Self::Answer(_) | Self::Broken(_) => Fault::Surroundings,
            Self::Invalid(_) => Fault::Document,
        }
    }

    /// Whether the same call can succeed later without a change. Calls that carry a signed document can be
    /// repeated without harm: the broker answers the same document as it did the first time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { retryable, .. } => *retryable,
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Status { .. } | Self::Invalid(_) | Self::Answer(_) | Self::Broken(_) => false,
        }
    }

    /// The shortest pause before the same call is made again; zero if the broker names none.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Translates a gRPC status.
    pub(crate) fn from_status(address: &str, method: &'static str, timeout: Duration, status: &Status) -> Self {
        if let Some(detail) = Details::of(status) {
            let reason = Reason::from(&*clipped(&detail.reason, 64));
            if reason == Reason::DeadlineExceeded {
                return Self::Timeout { method, after: timeout };
            }
            let (message, retryable) = (clipped(status.message(), 4096), detail.retryable);
            // A broker that asks for an age of patience would have its callers stand still.
            let retry_after = detail.retry_after.map(|after| after.min(RETRY_AFTER_MOST));
            return Self::Refused { reason, message, retryable, retry_after };
        }
        // A source means that the status was made on this side, out of a transport's error.
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

/// The status's message and what lies under it, because "transport error" alone helps nobody.
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

/// A broker's words, bounded, and without control characters that could rewrite a terminal or a log.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
