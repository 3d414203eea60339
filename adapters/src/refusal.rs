//! Reasons for rejecting a request.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

/// Faults in one answer.
pub(crate) const EVENT_FAULTS_MAX: usize = 20;

/// Reasons for an answer other than 2xx. `server/answer.rs` is the only table from here to HTTP. The sender sees the
/// texts: they contain nothing of the request's body or headers, and nothing about this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has no signature, in this header.
    #[error("the request has no `{0}` header: only signed webhooks are accepted")]
    SignatureMissing(Cow<'static, str>),
    /// The signature cannot be parsed.
    #[error("the `{header}` header {problem}")]
    SignatureMalformed {
        /// The header.
        header: Cow<'static, str>,
        /// Problem with it.
        problem: &'static str,
    },
    /// No configured secret made the signature.
    #[error(
        "the signature matches none of the configured signing secrets and this body: configure this endpoint's \
         signing secret, and do not let a proxy change the body"
    )]
    SignatureWrong,
    /// The signature is too old.
    #[error(
        "the request was signed {age_s} s ago, the most is {tolerance_s} s: send it again, or set this machine's \
         clock (NTP)"
    )]
    SignatureStale {
        /// Age in seconds.
        age_s: i64,
        /// Limit in seconds.
        tolerance_s: u64,
    },
    /// The time of the signature is in the future.
    #[error(
        "the request was signed {ahead_s} s in the future, the most is {tolerance_s} s: set this machine's clock (NTP)"
    )]
    SignatureFuture {
        /// Seconds until then.
        ahead_s: i64,
        /// Limit in seconds.
        tolerance_s: u64,
    },
    /// The signature is valid, but the body is not an event; with the reason.
    #[error("the signature is right, but {0}")]
    EventMalformed(String),
    /// The bearer token is none of the configured ones.
    #[error("the bearer token is none of the configured ones: set the same token on both sides")]
    TokenWrong,
    /// The sender is authenticated, but events do not fit the schemas of their types; the first of the faults.
    #[error("{} not as the schema of its type says; `faults` lists them", counted(.0))]
    EventInvalid(Vec<EventFault>),
    /// The body has more bytes than this.
    #[error("the body has more than {0} bytes, which is the maximum")]
    BodyTooLarge(usize),
    /// The body did not arrive within this time.
    #[error("the body did not arrive within {} ms: send it at once", .0.as_millis())]
    BodySlow(Duration),
    /// The body broke off.
    #[error("the body is incomplete: send the request again")]
    BodyBroken,
    /// Too many bodies at the same time.
    #[error("the adapter is overloaded: send the request again, a little later")]
    Busy,
    /// The broker is away, and the spool is full.
    #[error(
        "the event could not be stored, because the broker is unavailable and the spool is full: send it again \
             later"
    )]
    SpoolFull,
    /// The event could not be kept.
    #[error("the event could not be stored: send it again later")]
    NotKept,
    /// No page has this path; with the advice for the sender.
    #[error("{0}")]
    NotFound(String),
    /// The page does not take this method.
    #[error("this path does not accept this method: the `Allow` header lists the accepted ones")]
    MethodNotAllowed,
}

/// A fault of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventFault {
    /// Place in the body, as a JSON Pointer (RFC 6901); empty for all of it.
    pub pointer: String,
    /// Description of the fault, without values of the event.
    pub problem: String,
}

fn counted(faults: &[EventFault]) -> String {
    match faults.len() {
        1 => "one event is".to_owned(),
        count => format!("{count} events are"),
    }
}
