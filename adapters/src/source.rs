//! The interface that every sender of webhooks implements.

use apiary_identity::{Id, Spec};
use http::HeaderMap;
use jiff::Timestamp;

use crate::refusal::Refusal;

/// A sender of webhooks: verification of its requests, and conversion of its events.
pub(crate) trait Source: Send + Sync + 'static {
    /// Returns the path that the sender posts to.
    fn path(&self) -> &str;

    /// Verifies that a request comes from the sender, and reads the event. `body` is the raw body, because the
    /// signature is over its bytes.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Refusal>;

    /// Converts an event to a spec for `colony`; `None` if no executor handles events of its type. The spec has an
    /// idempotency key, which is the same for every delivery of the event.
    fn spec(&self, event: &Event, body: &[u8], colony: Id, now: Timestamp) -> Option<Spec>;
}

/// An event's identifying values. Every text is bounded, and safe to log and store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The event's id at the sender.
    pub(crate) id: String,
    /// Type of event, in the sender's terms.
    pub(crate) kind: String,
    /// True for live events, false for those of a test environment.
    pub(crate) livemode: bool,
    /// Account of the event, if the sender serves several.
    pub(crate) account: Option<String>,
}
