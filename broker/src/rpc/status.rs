//! The one table from [`Error`] to gRPC and HTTP.

use std::time::Duration;

use apiary_daemon::door::count_refusal;
use apiary_protocol::Reason;
use apiary_protocol::details::{Details, Violation};
use tonic::{Code, Status};

use crate::Error;
use crate::limits::RETRY_AFTER;

/// Returns the gRPC status of an error: code, words, and details for programs.
pub(super) fn status(error: &Error) -> Status {
    let reason = error.reason();
    count_refusal(reason.as_str());
    let violation = match error {
        Error::Field { field, problem } => Some(Violation { field: field.clone(), description: problem.clone() }),
        _ => None,
    };
    let details = Details {
        reason: reason.as_str().to_owned(),
        retryable: reason.is_retryable(),
        retry_after: retry_after(&reason),
        violation,
    };
    details.into_status(code(&reason), error.to_string())
}

/// Returns the shortest wait of a caller before the same call can succeed.
pub(super) fn retry_after(reason: &Reason) -> Option<Duration> {
    let has_time = matches!(reason, Reason::Overloaded | Reason::Draining | Reason::Unavailable);
    has_time.then_some(RETRY_AFTER)
}

/// Returns the status of an error, for `map_err`; logs internal errors.
pub(super) fn refused(error: Error) -> Status {
    if error.reason() == Reason::Internal {
        tracing::error!(%error, "a call failed");
    }
    status(&error)
}

/// Returns the gRPC code of each reason.
pub(super) fn code(reason: &Reason) -> Code {
    match reason {
        Reason::Unsigned
        | Reason::SignatureInvalid
        | Reason::RequestStale
        | Reason::RequestReplayed
        | Reason::BrokerUnknown => Code::Unauthenticated,
        Reason::NotPermitted => Code::PermissionDenied,
        Reason::Invalid | Reason::ArgsRefused => Code::InvalidArgument,
        Reason::TooLarge => Code::OutOfRange,
        Reason::ColonyUnknown | Reason::NotFound | Reason::Archived => Code::NotFound,
        Reason::LeaseLost | Reason::LimitUnknown | Reason::Cancelled | Reason::StateConflict | Reason::SubmitByOver => {
            Code::FailedPrecondition
        }
        Reason::Taken => Code::AlreadyExists,
        Reason::Overloaded => Code::ResourceExhausted,
        Reason::DeadlineExceeded => Code::DeadlineExceeded,
        Reason::Unimplemented => Code::Unimplemented,
        Reason::Draining | Reason::Unavailable => Code::Unavailable,
        // This broker sends no reason that it does not know.
        Reason::Internal | Reason::Unknown(_) => Code::Internal,
    }
}

/// Returns the HTTP status of each reason.
pub(super) fn http_status(reason: &Reason) -> http::StatusCode {
    use http::StatusCode;
    match reason {
        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => match code(reason) {
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::InvalidArgument | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
