//! Errors that callers get, with advice. `rpc/status.rs` is the one place that turns these into gRPC statuses; `docs/errors.md`
//! explains each [`Reason`].

use apiary_identity::chain::BrokenLink;
use apiary_identity::{DocumentError, EnvelopeError};
use apiary_protocol::Reason;
use apiary_store::StoreError;

/// The reason for rejecting a call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The call carries no signature where it needs one.
    #[error(
        "the call is not signed: send a signed request.v1 document in the metadata `apiary-request-bin`, or over HTTP in the header \
         `apiary-request`"
    )]
    Unsigned,
    /// The signature, or the form of what is signed, is wrong.
    #[error("{0}")]
    SignatureInvalid(String),
    /// The request was signed too long ago, or in the future.
    #[error(
        "the request was signed at {signed_at}, and the broker's clock shows {now}: the most between them is \
         {window_ms} ms; set the caller's clock (NTP)"
    )]
    RequestStale {
        /// The time of the signature, according to the request.
        signed_at: String,
        /// The broker's time.
        now: String,
        /// The largest allowed difference, milliseconds.
        window_ms: i64,
    },
    /// The same request was used before.
    #[error("the request was used before: sign each call anew")]
    RequestReplayed,
    /// The request is for another broker instance.
    #[error("the request is for another broker instance: call Connect, then sign for the instance that it names")]
    BrokerUnknown,
    /// No such colony.
    #[error("no colony `{0}` here: create it first (`apiary colony create`), or check the broker's address")]
    ColonyUnknown(String),
    /// The caller, known or unknown, may not do this.
    #[error("not permitted: {0}")]
    NotPermitted(String),
    /// A message or document is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// A field is not acceptable.
    #[error("`{field}` {problem}")]
    Field {
        /// The field's name, with dots between levels.
        field: String,
        /// The fault, and the correct form.
        problem: String,
    },
    /// The arguments do not match the schemas that executors announce.
    #[error("{0}")]
    ArgsRefused(String),
    /// The message or document is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The colony has no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The process is in the archive.
    #[error(
        "process {process_id} is archived in {object:?} at line {line}: it left the broker; read it from the archive's storage, or \
         put it back with the function `restore` of the archive bee"
    )]
    Archived {
        /// The process.
        process_id: uuid::Uuid,
        /// The object's name.
        object: String,
        /// The line, from 0.
        line: i64,
    },
    /// The lease is gone: expired, ended, or of another attempt or executor.
    #[error(
        "the lease of attempt {attempt} at process {process_id} is lost: drop the work, another attempt may be under way"
    )]
    LeaseLost {
        /// The process.
        process_id: uuid::Uuid,
        /// The attempt.
        attempt: i32,
    },
    /// The process is being cancelled, or was cancelled.
    #[error("process {process_id} is cancelled, and attempt {attempt} with it: drop the work, its result is not kept")]
    Cancelled {
        /// The process.
        process_id: uuid::Uuid,
        /// The attempt.
        attempt: i32,
    },
    /// The process is in a state in which the action is impossible.
    #[error("{0}")]
    StateConflict(String),
    /// The id or name belongs to something else.
    #[error("{0}")]
    Taken(String),
    /// The spec's `submit_by` is over.
    #[error("the spec was to be submitted by {submit_by}, and the broker's clock shows {now}: make and sign a new one")]
    SubmitByOver {
        /// The spec's limit.
        submit_by: String,
        /// The broker's time.
        now: String,
    },
    /// The spec has a rate key without a limit.
    #[error(
        "no limit is for rate key {0:?}: an operator sets one first (`apiary limit set rate-key {0:?} --rate 10/1s`), or the spec \
         goes without `rate_key`"
    )]
    LimitUnknown(String),
    /// Too many requests, or too many bytes, at once.
    #[error("{0}; wait a little and try again")]
    Overloaded(String),
    /// No answer within the time that the client, or the broker, allows.
    #[error(
        "no answer in the time that the call allows; what it asks for may be done or not: try again, or allow more time"
    )]
    DeadlineExceeded,
    /// The method or page does not exist.
    #[error("{0}")]
    Unimplemented(String),
    /// The page exists, but does not take this HTTP method.
    #[error("this page does not take {0}: the `Allow` header lists the methods that it takes")]
    MethodNotAllowed(String),
    /// The gRPC method was called without gRPC.
    #[error(
        "{0} is a gRPC method: call it with gRPC (`content-type: application/grpc`), or use the pages that docs/protocol.md lists"
    )]
    NotGrpc(String),
    /// The broker is stopping.
    #[error("the broker is stopping: connect again, perhaps elsewhere")]
    Draining,
    /// The database did not answer.
    #[error("{0}; nothing was acknowledged, try again")]
    Unavailable(String),
    /// A fault of the broker or in its database. The log has the details.
    #[error("the broker could not do it: {0}")]
    Internal(String),
}

impl Error {
    /// Returns an error about a field.
    pub(crate) fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }

    /// Returns the machine-readable reason.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unsigned => Reason::Unsigned,
            Self::SignatureInvalid(_) => Reason::SignatureInvalid,
            Self::RequestStale { .. } => Reason::RequestStale,
            Self::RequestReplayed => Reason::RequestReplayed,
            Self::BrokerUnknown => Reason::BrokerUnknown,
            Self::ColonyUnknown(_) => Reason::ColonyUnknown,
            Self::NotPermitted(_) => Reason::NotPermitted,
            Self::Invalid(_) | Self::Field { .. } => Reason::Invalid,
            Self::ArgsRefused(_) => Reason::ArgsRefused,
            Self::TooLarge(_) => Reason::TooLarge,
            Self::NotFound(_) => Reason::NotFound,
            Self::Archived { .. } => Reason::Archived,
            Self::LeaseLost { .. } => Reason::LeaseLost,
            Self::Cancelled { .. } => Reason::Cancelled,
            Self::StateConflict(_) => Reason::StateConflict,
            Self::Taken(_) => Reason::Taken,
            Self::SubmitByOver { .. } => Reason::SubmitByOver,
            Self::LimitUnknown(_) => Reason::LimitUnknown,
            Self::Overloaded(_) => Reason::Overloaded,
            Self::DeadlineExceeded => Reason::DeadlineExceeded,
            Self::Unimplemented(_) | Self::MethodNotAllowed(_) | Self::NotGrpc(_) => Reason::Unimplemented,
            Self::Draining => Reason::Draining,
            Self::Unavailable(_) => Reason::Unavailable,
            Self::Internal(_) => Reason::Internal,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Taken(words) => Self::Taken(words),
            // Not the call's fault, so the caller waits; the log tells the operator about the repair.
            StoreError::Open(_) | StoreError::Schema(_) | StoreError::Trouble(_) => {
                tracing::error!(%error, "the database fails every call of this kind");
                Self::Unavailable(error.to_string())
            }
            StoreError::Corrupt(_) | StoreError::Refused(_) => {
                // Logged here, where it turns into a short message for the caller, who can do nothing about it.
                tracing::error!(%error, "the store failed");
                Self::Internal(error.to_string())
            }
        }
    }
}

impl From<EnvelopeError> for Error {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Document(error) => error.into(),
            EnvelopeError::Type { .. } => Self::Invalid(error.to_string()),
            EnvelopeError::Signature(_)
            | EnvelopeError::SignatureCount(_)
            | EnvelopeError::SignatureLength(_)
            | EnvelopeError::SignatureBatch { .. }
            | EnvelopeError::KeyId(_)
            | EnvelopeError::Json(_) => Self::SignatureInvalid(error.to_string()),
        }
    }
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            DocumentError::Json(_) => Self::Invalid(error.to_string()),
            DocumentError::Field { field, problem } => Self::field(field, problem),
        }
    }
}

impl From<BrokenLink> for Error {
    fn from(error: BrokenLink) -> Self {
        match error {
            BrokenLink::Grant(error)
            | BrokenLink::Spec(error)
            | BrokenLink::Result(error)
            | BrokenLink::Progress(error)
            | BrokenLink::Statement { error, .. } => error.into(),
            other => Self::NotPermitted(other.to_string()),
        }
    }
}

/// The reason for a failed start of the broker.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// The fault, and the remedy.
        problem: String,
    },
    /// A port or socket cannot be opened.
    #[error("cannot listen on {address}: {source}; is another broker running there?")]
    Listen {
        /// The address or path.
        address: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use apiary_protocol::Fault;

    use super::*;

    #[test]
    fn a_database_in_no_state_to_work_is_not_held_against_the_call() {
        let words = || "no".to_owned();
        for (error, expected) in [
            (StoreError::Unavailable(words()), Fault::Again),
            (StoreError::Trouble(words()), Fault::Again),
            (StoreError::Open(words()), Fault::Again),
            (StoreError::Schema(words()), Fault::Again),
            (StoreError::Refused(words()), Fault::Document),
            (StoreError::Corrupt(words()), Fault::Document),
            (StoreError::Taken(words()), Fault::Document),
        ] {
            let reason = Error::from(error).reason();
            assert_eq!(reason.fault(reason.is_retryable()), expected, "{reason}");
        }
    }
}
