//! Results of a handler: an output, or a failure that decides whether there is another attempt.

use std::fmt;
use std::time::Duration;

use apiary_protocol::Fault;
use bytes::Bytes;
use serde::Serialize;

use crate::ClientError;
use crate::limits::{SNOOZE_MAX, SNOOZE_MIN};

/// A handler's failure: the reason, and whether another attempt may succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    message: String,
    kind: Kind,
    retry_after: Option<Duration>,
}

/// Kinds of failure.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// No attempt can succeed.
    Final,
    /// Another attempt may succeed.
    Retryable,
    /// Too early: the work is released for this time.
    Snooze(Duration),
    /// A problem in the surroundings: the work is released until that is over.
    Surroundings { cause: String },
}

impl Failure {
    /// Creates a failure after which another attempt may succeed, at the time that the spec's back-off gives.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self::new(Kind::Retryable, message)
    }

    /// Creates a failure after which no attempt can succeed.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self::new(Kind::Final, message)
    }

    /// Creates a failure caused by the surroundings and not by the work: a service is unreachable, a key is refused, a
    /// quota is exhausted, a table is missing. The work is released without spending a retry, and is tried again
    /// without a limit, after pauses that grow with the time that the problem lasts, up to a minute; at least after
    /// [`retry_after`](Self::retry_after).
    ///
    /// `cause` is a stable name of the problem, such as `supabase-key`: failures with one cause count as one condition.
    /// `message` describes the problem, and ends in advice for an operator.
    pub fn surroundings(cause: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(Kind::Surroundings { cause: cause.into() }, message)
    }

    /// Snoozes the work, because it is too early: it is released, and tried again after `delay`, at most a year. No
    /// retry is spent. `waiting_for` goes to the executor's log.
    pub fn snooze(delay: Duration, waiting_for: impl fmt::Display) -> Self {
        // Without a minimum, a delay of zero would hand the work out again at once, in an endless loop.
        let delay = delay.clamp(SNOOZE_MIN, SNOOZE_MAX);
        Self::new(Kind::Snooze(delay), waiting_for)
    }

    fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), kind, retry_after: None }
    }

    /// Sets the minimum wait before the next attempt, which may exceed the back-off: for a service that gave a time for
    /// a retry. Has no effect on a fatal failure.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Returns the reason. It is sent to the broker and shown to people, so that it must contain no secrets.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns `true` if another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.kind, Kind::Final)
    }

    /// Returns the stable name of the problem, if it is in the surroundings.
    pub fn cause(&self) -> Option<&str> {
        match &self.kind {
            Kind::Surroundings { cause } => Some(cause),
            _ => None,
        }
    }

    /// Returns the minimum wait before the next attempt.
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
    /// Converts the error of a handler's own call to the broker: fatal only if the broker refused the document.
    fn from(error: ClientError) -> Self {
        match error.fault() {
            Fault::Document => Self::fatal(error),
            Fault::Surroundings => Self::surroundings("broker", error),
            Fault::Again => Self::retryable(error),
        }
    }
}

/// An output of any bytes, sent unchanged and not through serde.
#[derive(Clone, Debug, Default)]
pub struct Output(Bytes);

impl Output {
    /// Creates an output of these bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Creates an empty output.
    pub fn none() -> Self {
        Self::default()
    }
}

/// Types that a handler may return: anything that serde can convert to JSON, or an [`Output`] of any bytes.
pub trait IntoOutput {
    /// Converts the value to the output's bytes.
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
