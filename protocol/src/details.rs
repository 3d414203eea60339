//! Machine-readable details of a refusal: `google.rpc.Status` in gRPC's status details, with `ErrorInfo`, `RetryInfo`
//! and `BadRequest`, which every gRPC library reads.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `ErrorInfo.domain` of Apiary's reasons.
pub const DOMAIN: &str = "apiary";
/// The key in `ErrorInfo.metadata` that says whether the same call can succeed later, as `true` or `false`.
pub const RETRYABLE: &str = "retryable";

/// A refusal, besides its gRPC code and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The exact reason, for example `LEASE_LOST`.
    pub reason: String,
    /// `true` if the same call can succeed later without a change.
    pub retryable: bool,
    /// Minimum wait before the next try.
    pub retry_after: Option<Duration>,
    /// The invalid field, if the refusal is about one.
    pub violation: Option<Violation>,
}

/// An invalid field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's name, with dots between levels.
    pub field: String,
    /// The reason.
    pub description: String,
}

impl Details {
    /// Makes the status that carries these details.
    pub fn into_status(self, code: Code, message: impl Into<String>) -> Status {
        let metadata = [(RETRYABLE.to_owned(), self.retryable.to_string())];
        let mut details = ErrorDetails::with_error_info(self.reason, DOMAIN, metadata);
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        if let Some(violation) = self.violation {
            details.add_bad_request_violation(violation.field, violation.description);
        }
        Status::with_error_details(code, message, details)
    }

    /// Reads the details of a status; `None` if the status is not from Apiary.
    pub fn of(status: &Status) -> Option<Self> {
        let details = status.check_error_details().ok()?;
        let info = details.error_info().filter(|info| info.domain == DOMAIN && !info.reason.is_empty())?;
        let violation = details.bad_request().and_then(|request| request.field_violations.first());
        Some(Self {
            reason: info.reason.clone(),
            retryable: info.metadata.get(RETRYABLE).is_some_and(|word| word == "true"),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            violation: violation.map(|violation| Violation {
                field: violation.field.clone(),
                description: violation.description.clone(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Details {
        Details {
            reason: "OVERLOADED".to_owned(),
            retryable: true,
            retry_after: Some(Duration::from_millis(1500)),
            violation: Some(Violation { field: "a.b".to_owned(), description: "is too much".to_owned() }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bare = Details { retryable: false, retry_after: None, violation: None, ..full() };
        for details in [full(), bare] {
            let status = details.clone().into_status(Code::ResourceExhausted, "too much at once");
            assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "too much at once"));
            assert_eq!(Details::of(&status), Some(details));
        }
    }

    #[test]
    fn other_details_are_nobodys() {
        assert_eq!(Details::of(&Status::new(Code::Internal, "no details")), None);
        assert_eq!(Details::of(&Status::with_details(Code::Internal, "", b"\xff\xff".to_vec().into())), None);
        let foreign = ErrorDetails::with_error_info("LEASE_LOST", "googleapis.com", []);
        assert_eq!(Details::of(&Status::with_error_details(Code::Internal, "", foreign)), None);
    }
}
