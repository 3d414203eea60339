//! Reasons for rejecting a request.

use std::time::Duration;

/// Reasons for an answer other than 2xx. `server/answer.rs` is the only table from here to HTTP. The sender sees the
/// texts: they contain nothing of the request's body or headers, and nothing about this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request has no `{0}` header: only the sender's own webhooks are taken here")]
    SignatureMissing(&'static str),
    #[error("the `{header}` header {problem}")]
    SignatureMalformed { header: &'static str, problem: &'static str },
    #[error(
        "the signature is by none of the configured signing secrets over this body: configure the signing secret of \
         this very endpoint, and let no proxy change the body"
    )]
    SignatureWrong,
    #[error(
        "the request was signed {age_s} s ago, the most is {tolerance_s} s: send it again, or set this machine's \
         clock (NTP)"
    )]
    SignatureStale { age_s: i64, tolerance_s: u64 },
    #[error(
        "the request was signed {ahead_s} s in the future, the most is {tolerance_s} s: set this machine's clock (NTP)"
    )]
    SignatureFuture { ahead_s: i64, tolerance_s: u64 },
    #[error("the signature is right, but {0}")]
    EventMalformed(String),
    #[error("the body has more than {0} bytes, which is the most that is taken here")]
    BodyTooLarge(usize),
    #[error("the body did not arrive within {} ms: send it at once", .0.as_millis())]
    BodySlow(Duration),
    #[error("the body broke off: send the request again")]
    BodyBroken,
    #[error("too much arrives at the same time: send the request again, a little later")]
    Busy,
    #[error("the event could not be kept, because the broker is away and the spool is full: send it again later")]
    SpoolFull,
    #[error("the event could not be kept: send it again later")]
    NotKept,
    #[error("{0}")]
    NotFound(String),
    #[error("this path does not take this method: the `Allow` header lists those that it takes")]
    MethodNotAllowed,
}
