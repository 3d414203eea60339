//! What a handler gives: an output, or a failure that says whether another attempt makes sense.

use std::fmt;
use std::time::Duration;

use apiary_protocol::Fault;
use bytes::Bytes;
use serde::Serialize;

use crate::ClientError;
use crate::limits::{SNOOZE_MAX, SNOOZE_MIN};

/// Why a handler failed, and whether another attempt may succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    message: String,
    kind: Kind,
    retry_after: Option<Duration>,
}

/// What becomes of work that failed.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// No attempt can succeed.
    Final,
    /// Another attempt may succeed.
    Retryable,
    /// It is too early: it goes back for so long.
    Snooze(Duration),
    /// Something around it is in the way: it goes back until that is over.
    Surroundings { cause: String },
}

impl Failure {
    /// Another attempt may succeed; the spec's back-off says when.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self::new(Kind::Retryable, message)
    }

    /// No attempt can succeed.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self::new(Kind::Final, message)
    }

    /// The work itself may be sound, and something around it is in the way: a service is away, a key is not accepted, a quota
    /// is used up, a table is missing. The work goes back, no retry is spent, and it comes again without an end, after
    /// pauses that grow with the time that this lasts, up to a minute; after [`retry_after`](Self::retry_after) at the least.
    ///
    /// `cause` is a stable word or name for what is in the way, such as `supabase-key`: failures of one cause count as one
    /// condition. `message` says what happened, and ends in what an operator can do.
    pub fn surroundings(cause: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(Kind::Surroundings { cause: cause.into() }, message)
    }

    /// No failure at all: it is too early. The work goes back, and comes again after so long, at most a year; no retry is spent.
    /// What is waited for goes to the executor's log.
    pub fn snooze(delay: Duration, waiting_for: impl fmt::Display) -> Self {
        // A delay of nothing would hand the work out again at once, for ever.
        let delay = delay.clamp(SNOOZE_MIN, SNOOZE_MAX);
        Self::new(Kind::Snooze(delay), waiting_for)
    }

    fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), kind, retry_after: None }
    }

    /// The next attempt not before so long from now, whatever the back-off says: for a service that said when
    /// to come back. Of no effect on a fatal failure.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What went wrong, in words. It is sent to the broker and shown to people: no secrets in it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.kind, Kind::Final)
    }

    /// The stable name of what is in the way, if that is nothing of the work's own.
    pub fn cause(&self) -> Option<&str> {
        match &self.kind {
            Kind::Surroundings { cause } => Some(cause),
            _ => None,
        }
    }

    /// The next attempt not before so long from now.
    pub fn earliest(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<ClientError> for Failure {
    /// For handlers that call the broker themselves: final only if the broker refused what was asked for.
    fn from(error: ClientError) -> Self {
        match error.fault() {
            Fault::Document => Self::fatal(error),
            Fault::Surroundings => Self::surroundings("broker", error),
            Fault::Again => Self::retryable(error),
        }
    }
}

/// An output that is not made by serde: any bytes, byte-exact.
#[derive(Clone, Debug, Default)]
pub struct Output(Bytes);

impl Output {
    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// No output at all.
    pub fn none() -> Self {
        Self::default()
    }
}

/// What a handler may return: anything that serde can turn into JSON, or an [`Output`] of any bytes.
pub trait IntoOutput {
    /// The output's bytes.
    ///
    /// # Errors
    ///
    /// A fatal failure for values that JSON cannot hold, such as maps whose keys are no strings.
    fn into_output(self) -> Result<Bytes, Failure>;
}

impl<T: Serialize> IntoOutput for T {
    fn into_output(self) -> Result<Bytes, Failure> {
        match serde_json::to_vec(&self) {
            Ok(json) => Ok(json.into()),
            Err(error) => Err(Failure::fatal(format!("the handler's output is no JSON: {error}"))),
        }
    }
}

impl IntoOutput for Output {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.0)
    }
}
