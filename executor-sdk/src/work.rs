//! What a handler gets: one attempt at a process whose chain of signatures holds.

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

/// One attempt at a process. Everything in it was signed by somebody to whom the colony gave the right to ask
/// for it, but for [`attempt`](Self::attempt) and [`retries_left`](Self::retries_left), which the broker counts.
/// Clones are cheap and share one cancellation.
#[derive(Clone)]
pub struct Work {
    shared: Arc<Parts>,
}

/// Where a [`Work`] is made of.
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
    /// Where it says what it says.
    pub(crate) fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.shared.journal)
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(parts) }
    }

    /// The process.
    pub fn process_id(&self) -> Uuid {
        self.shared.spec.process_id
    }

    /// The attempt's number, from 1.
    pub fn attempt(&self) -> i32 {
        self.shared.attempt
    }

    /// How many attempts may follow this one, as the broker counts; `None` for no limit.
    pub fn retries_left(&self) -> Option<u32> {
        self.shared.retries_left
    }

    /// What is to be done.
    pub fn function(&self) -> &str {
        &self.shared.spec.function
    }

    /// The arguments, byte by byte as they were submitted.
    pub fn args(&self) -> &Bytes {
        &self.shared.args
    }

    /// The arguments from JSON. Arguments that are not what the handler expects will not be so at the next
    /// attempt either, so the failure is a fatal one.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.shared.args)
            .map_err(|error| Failure::fatal(format!("the arguments of `{}` do not fit: {error}", self.function())))
    }

    /// One of the spec's environment variables.
    pub fn env(&self, key: &str) -> Option<&str> {
        self.shared.spec.env.get(key).map(String::as_str)
    }

    /// One of the spec's labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.shared.spec.labels.get(key).map(String::as_str)
    }

    /// W3C Trace Context `traceparent` of whoever submitted it.
    pub fn traceparent(&self) -> Option<&str> {
        self.shared.spec.traceparent.as_deref()
    }

    /// The spec, whole.
    pub fn spec(&self) -> &Spec {
        &self.shared.spec
    }

    /// Who asked for it: the colony's grant to the spec's signer.
    pub fn submitter(&self) -> &Grant {
        &self.shared.submitter
    }

    /// When the attempt must have ended, renewed or not: the spec's `max_exec_ms` from when it was claimed.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.shared.deadline
    }

    /// Completes when the work is to be dropped: somebody cancelled the process, its lease was lost, its deadline is over, or the
    /// executor stops and waits no longer. Whatever the handler returns after a lost lease is not sent; of a cancelled process
    /// nothing but that it stopped, and the words of a failure.
    pub async fn cancelled(&self) {
        self.shared.cancellation.cancelled().await;
    }

    /// Whether the work is to be dropped.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancellation.is_cancelled()
    }

    /// The same as a token, for libraries that take one.
    pub fn cancellation(&self) -> CancellationToken {
        self.shared.cancellation.clone()
    }
}

impl fmt::Debug for Work {
    /// Without arguments and environment: they may be somebody's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({} of {}, attempt {})", self.function(), self.process_id(), self.attempt())
    }
}
