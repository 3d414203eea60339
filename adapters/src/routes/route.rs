//! The destination of an event, and its process.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use apiary_identity::{Backoff, Content, Id, OnFailed, Spec};
use jiff::Timestamp;

use crate::Event;

/// Time limit for an attempt. An event needs a few statements; more time means that the database hangs.
const MAX_EXEC: Duration = Duration::from_secs(30);
/// Retries for conflicts with stored rows and for lost executors, over some nine hours with the back-off below. An
/// unavailable state of record, or one that rejects the key, spends no retry.
const MAX_RETRIES: i32 = 20;
const BACKOFF: Backoff = Backoff { first_ms: 1000, factor: 2.0, most_ms: 3_600_000, jitter: 0.2 };

/// The destination of an event, and the retries on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Type of executor that handles it.
    pub executor_type: String,
    /// Function that handles it.
    pub function: String,
    /// Priority of the process.
    pub priority: i32,
    /// Labels of the process, besides the source's own.
    pub labels: BTreeMap<String, String>,
    /// Time limit for an attempt.
    pub max_exec: Duration,
    /// Number of retries.
    pub max_retries: i32,
    /// Pauses between retries.
    pub backoff: Backoff,
    /// Reaction to another delivery of an event that failed for good.
    pub on_failed: OnFailed,
}

impl Route {
    /// Creates a route with the defaults: 30 s for an attempt, 20 retries over some nine hours, normal priority. Another
    /// delivery retries an event that failed for good.
    pub fn new(executor_type: impl Into<String>, function: impl Into<String>) -> Self {
        Self {
            executor_type: executor_type.into(),
            function: function.into(),
            priority: 0,
            labels: BTreeMap::new(),
            max_exec: MAX_EXEC,
            max_retries: MAX_RETRIES,
            backoff: BACKOFF,
            on_failed: OnFailed::Redrive,
        }
    }

    /// Returns true if both lead to the same function.
    pub(super) fn is_same_target(&self, other: &Self) -> bool {
        self.executor_type == other.executor_type && self.function == other.function
    }

    /// Converts an event to a spec for `colony`. The process gets `body` if the event has no arguments of its own.
    pub(super) fn spec(&self, source: &str, event: &Event, body: &[u8], colony: Id, now: Timestamp) -> Spec {
        let args = Content::from_bytes(event.args.as_deref().unwrap_or(body));
        let mut spec = Spec::new(colony, &self.executor_type, &self.function, now).with_args(args);
        spec.labels = self.labels.clone();
        let [id, kind, account] = own_labels(source);
        spec.labels.insert(id, event.id.clone());
        spec.labels.insert(kind, event.kind.clone());
        if let Some(livemode) = event.livemode {
            spec.labels.insert(LIVEMODE.to_owned(), livemode.to_string());
        }
        if let Some(of) = &event.account {
            spec.labels.insert(account, of.clone());
        }
        spec.idempotency_key = Some(event.idempotency_key(source));
        spec.on_failed = self.on_failed;
        spec.priority = self.priority;
        spec.max_exec_ms = i64::try_from(self.max_exec.as_millis()).unwrap_or(i64::MAX);
        spec.max_retries = self.max_retries;
        spec.backoff = self.backoff;
        spec
    }
}

/// Label of the mode, live or test.
const LIVEMODE: &str = "livemode";

/// Returns true if a source sets this label itself.
pub(super) fn is_own_label(source: &str, key: &str) -> bool {
    key == LIVEMODE || own_labels(source).iter().any(|own| own == key)
}

/// Returns the labels for id, type and account of a source's events.
fn own_labels(source: &str) -> [String; 3] {
    ["event", "type", "account"].map(|name| format!("{source}_{name}"))
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.executor_type, self.function)
    }
}
