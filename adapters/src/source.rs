//! The interface between a sender of webhooks and the adapter.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::{Backoff, Content, Id, OnFailed, Scopes, Spec};
use apiary_settings::{Setting, Values};
use http::HeaderMap;
use jiff::Timestamp;

use crate::StartError;
use crate::refusal::Refusal;

/// Time limit for an attempt. An event needs a few statements; more time means that the database hangs.
const MAX_EXEC: Duration = Duration::from_secs(30);
/// Retries for conflicts with stored rows and for lost executors, over some nine hours with the back-off below. An
/// unavailable state of record, or one that rejects the key, spends no retry.
const MAX_RETRIES: i32 = 20;
const BACKOFF: Backoff = Backoff { first_ms: 1000, factor: 2.0, most_ms: 3_600_000, jitter: 0.2 };

/// A kind of sender, such as Stripe. `apiary webhook` and `apiary up` accept requests of each source in
/// [`ALL`](crate::sources::ALL) under `/webhooks/NAME`, once its secrets are set. `docs/adding-a-source.md` adds one.
///
/// A source has no state: [`open`](Self::open) makes an [`Endpoint`] from the settings, once at the start.
pub trait Source: Send + Sync {
    /// Returns the name, of lower-case letters and digits: the last part of the path, the first part of labels and of
    /// idempotency keys, and part of the settings' names (`webhook.NAME_…`).
    fn name(&self) -> &'static str;

    /// Returns a description: one line without its full stop.
    fn about(&self) -> &'static str;

    /// Returns all settings, including [`secrets`](Self::secrets). They are read from the file, the environment and the
    /// flags, and documented in `docs/configuration.md`.
    fn settings(&self) -> &'static [Setting];

    /// Returns the setting of the signing secrets, a list. Without a value, requests get 404.
    fn secrets(&self) -> &'static Setting;

    /// Returns the hint for a user who starts an adapter without any secret.
    fn advice(&self) -> &'static str;

    /// Returns the prefix of a signing secret that `apiary up` generates if none is set, so that the source can be tried
    /// out. `None` disables that.
    fn trial_secret_prefix(&self) -> Option<&'static str> {
        None
    }

    /// Returns the executor type that handles the events.
    fn executor_type(&self) -> &'static str;

    /// Returns the function that handles the events. Its arguments are the request's body, byte for byte.
    fn function(&self) -> &'static str;

    /// Returns the scopes of the grant that the adapter needs.
    fn scopes(&self) -> Scopes {
        Scopes { functions: vec![self.function().to_owned()], executor_types: vec![self.executor_type().to_owned()] }
    }

    /// Makes an endpoint from the settings. The adapter calls [`check`](Endpoint::check) on it before a port is opened.
    fn open(&self, settings: &Values) -> Arc<dyn Endpoint>;
}

/// A source with its settings. Every request calls it, so no method may block.
pub trait Endpoint: fmt::Debug + Send + Sync + 'static {
    /// Returns the source's name.
    fn name(&self) -> &'static str;

    /// Checks the settings, before a port is opened.
    ///
    /// # Errors
    ///
    /// Names the setting that cannot be used, and what to do.
    fn check(&self) -> Result<(), StartError>;

    /// Verifies that a request comes from the sender, and reads the event. `body` is the raw body, because the
    /// signature is over its bytes.
    ///
    /// # Errors
    ///
    /// Returns the refusal for the sender. It must not quote the body or a header.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Refusal>;

    /// Returns the route of an event; `None` if no executor handles events of its type: they are answered 2xx, counted,
    /// and dropped.
    fn route(&self, event: &Event) -> Option<Route>;
}

/// An event's identifying values. Every text is bounded, safe to log and store, and has no colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's id at the sender, the same for every delivery.
    pub id: String,
    /// Type of event, in the sender's terms.
    pub kind: String,
    /// True for live events, false for those of a test environment; `None` if the sender has no test environment.
    pub livemode: Option<bool>,
    /// Account of the event, if the sender serves several.
    pub account: Option<String>,
}

/// The destination of an event, and the retries on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Type of executor that handles it.
    pub executor_type: String,
    /// Function that handles it.
    pub function: String,
    /// Priority of the process.
    pub priority: i32,
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
            max_exec: MAX_EXEC,
            max_retries: MAX_RETRIES,
            backoff: BACKOFF,
            on_failed: OnFailed::Redrive,
        }
    }

    /// Converts an event to a spec for `colony`.
    pub(crate) fn spec(self, source: &str, event: &Event, body: &[u8], colony: Id, now: Timestamp) -> Spec {
        let mut spec = Spec::new(colony, &self.executor_type, &self.function, now).with_args(Content::from_bytes(body));
        spec.labels =
            [(format!("{source}_event"), event.id.clone()), (format!("{source}_type"), event.kind.clone())].into();
        if let Some(livemode) = event.livemode {
            spec.labels.insert("livemode".to_owned(), livemode.to_string());
        }
        if let Some(account) = &event.account {
            spec.labels.insert(format!("{source}_account"), account.clone());
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

impl Event {
    /// Returns the key `<source>:<live|test|nothing>:<account, or nothing>:<event id>`. An event keeps its id over all
    /// retries of its sender, and over all endpoints that it is sent to. Source, mode and account are part of the key, so
    /// that no test event, and no event of another account, is taken for another. No part may contain a colon.
    fn idempotency_key(&self, source: &str) -> String {
        let mode = match self.livemode {
            Some(true) => "live",
            Some(false) => "test",
            None => "",
        };
        format!("{source}:{mode}:{}:{}", self.account.as_deref().unwrap_or_default(), self.id)
    }
}

/// Returns the path of a source.
pub fn webhook_path(source: &str) -> String {
    format!("/webhooks/{source}")
}
