//! What a handler gives: an output, or a failure that says whether another attempt makes sense.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::ClientError;
use crate::limits::{SNOOZE_MAX, SNOOZE_MIN};

/// Why a handler failed, and whether another attempt may succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) snooze: Option<Duration>,
}

impl Failure {
    /// Another attempt may succeed; the spec's back-off says when.
    pub fn retryable(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), retryable: true, retry_after: None, snooze: None }
    }

    /// No attempt can succeed.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), retryable: false, retry_after: None, snooze: None }
    }

    /// No failure at all: it is too early. The work goes back, and comes again after so long, at most a year; no retry is spent.
    /// What is waited for goes to the executor's log.
    pub fn snooze(delay: Duration, waiting_for: impl fmt::Display) -> Self {
        // A delay of nothing would hand the work out again at once, for ever.
        let delay = delay.clamp(SNOOZE_MIN, SNOOZE_MAX);
        Self { message: waiting_for.to_string(), retryable: true, retry_after: None, snooze: Some(delay) }
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
        self.retryable
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<ClientError> for Failure {
    /// For handlers that call the broker themselves: retryable if the call was.
    fn from(error: ClientError) -> Self {
        Self { retryable: error.is_retryable(), ..Self::fatal(error) }
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
