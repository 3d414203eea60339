//! The one table from [`Error`] to gRPC and HTTP.

use apiary_proto::v1 as pb;
use apiary_protocol::Reason;
use prost::Message as _;
use tonic::{Code, Status};

use crate::Error;

/// The gRPC status of a refusal: code, words, and an `ErrorDetail` for programs.
pub(super) fn status(error: &Error) -> Status {
    let reason = error.reason();
    let detail = pb::ErrorDetail { reason: reason.as_str().to_owned(), retryable: reason.is_retryable() };
    Status::with_details(code(&reason), error.to_string(), detail.encode_to_vec().into())
}

/// The same for `map_err`.
pub(super) fn refused(error: Error) -> Status {
    if error.reason() == Reason::Internal {
        tracing::error!(%error, "a call failed");
    }
    status(&error)
}

/// The gRPC code of each reason.
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
        Reason::ColonyUnknown | Reason::NotFound => Code::NotFound,
        Reason::LeaseLost | Reason::LimitUnknown | Reason::Cancelled | Reason::StateConflict | Reason::SubmitByOver => {
            Code::FailedPrecondition
        }
        Reason::Taken => Code::AlreadyExists,
        Reason::Overloaded => Code::ResourceExhausted,
        Reason::Draining | Reason::Unavailable => Code::Unavailable,
        // This broker gives no reason that it does not know.
        Reason::Internal | Reason::Unknown(_) => Code::Internal,
    }
}

/// The HTTP status of each reason.
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
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
