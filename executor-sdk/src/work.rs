//! The input of a handler: an attempt of a process with a verified chain of signatures.

mod capture;
mod saying;

use std::fmt;
use std::sync::Arc;

use apiary_identity::{Grant, Spec};
use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Failure;
use crate::journal::Journal;

/// An attempt of a process. Everything in it was signed by a key to which the colony granted that right, except
/// [`attempt`](Self::attempt) and [`retries_left`](Self::retries_left), which the broker counts. Clones are cheap and
/// share the cancellation.
#[derive(Clone)]
pub struct Work {
    shared: Arc<Parts>,
}

/// The parts of a [`Work`].
pub(crate) struct Parts {
    pub(crate) spec: Spec,
    pub(crate) args: Bytes,
    pub(crate) submitter: Grant,
    pub(crate) attempt: i32,
    pub(crate) retries_left: Option<u32>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) cancellation: CancellationToken,
    pub(crate) checkpoint: Option<Bytes>,
    pub(crate) journal: Arc<Journal>,
}

impl Work {
    /// Returns the buffer of the attempt's reports and log lines.
    pub(crate) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.shared.journal)
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(parts) }
    }

    /// Returns the process's id.
    pub fn process_id(&self) -> Uuid {
        self.shared.spec.process_id
    }

    /// Returns the attempt's number, from 1.
    pub fn attempt(&self) -> i32 {
        self.shared.attempt
    }

    /// Returns the number of attempts that may follow this one, as counted by the broker; `None` for no limit.
    pub fn retries_left(&self) -> Option<u32> {
        self.shared.retries_left
    }

    /// Returns the function to run.
    pub fn function(&self) -> &str {
        &self.shared.spec.function
    }

    /// Returns the arguments, byte by byte as they were submitted.
    pub fn args(&self) -> &Bytes {
        &self.shared.args
    }

    /// Reads the arguments from JSON. Arguments that do not fit are a fatal failure, because they will be the same in
    /// the next attempt.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.shared.args)
            .map_err(|error| Failure::fatal(format!("the arguments of `{}` do not fit: {error}", self.function())))
    }

    /// Returns one of the spec's environment variables.
    pub fn env(&self, key: &str) -> Option<&str> {
        self.shared.spec.env.get(key).map(String::as_str)
    }

    /// Returns one of the spec's labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.shared.spec.labels.get(key).map(String::as_str)
    }

    /// Returns the submitter's W3C Trace Context `traceparent`.
    pub fn traceparent(&self) -> Option<&str> {
        self.shared.spec.traceparent.as_deref()
    }

    /// Returns the complete spec.
    pub fn spec(&self) -> &Spec {
        &self.shared.spec
    }

    /// Returns the submitter: the colony's grant to the spec's signer.
    pub fn submitter(&self) -> &Grant {
        &self.shared.submitter
    }

    /// Returns the latest end of the attempt, even if its lease is renewed: the spec's `max_exec_ms` from the claim.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.shared.deadline
    }

    /// Waits until the work must stop: the process was cancelled, its lease was lost, its deadline has passed, or the
    /// executor stops and waits no longer. The handler's result after a lost lease is not sent. Of a cancelled process,
    /// only the fact that it stopped is sent, and the text of a failure.
    pub async fn cancelled(&self) {
        self.shared.cancellation.cancelled().await;
    }

    /// Returns `true` if the work must stop.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancellation.is_cancelled()
    }

    /// Returns the cancellation as a token, for libraries that take one.
    pub fn cancellation(&self) -> CancellationToken {
        self.shared.cancellation.clone()
    }
}

impl fmt::Debug for Work {
    /// Prints no arguments and no environment, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({} of {}, attempt {})", self.function(), self.process_id(), self.attempt())
    }
}
