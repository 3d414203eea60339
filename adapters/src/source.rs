//! What a sender of webhooks is to this adapter.

use apiary_identity::{Id, Spec};
use http::HeaderMap;
use jiff::Timestamp;

use crate::refusal::Refusal;

/// One sender of webhooks: how its requests are verified, and what becomes of its events.
pub(crate) trait Source: Send + Sync + 'static {
    /// The path that it posts to.
    fn path(&self) -> &str;

    /// Checks that a request is the sender's own, and reads what is needed of it. `body` is the raw body, byte by byte:
    /// that is what is signed.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Refusal>;

    /// The work that an event is for `colony`; `None` if nobody here handles events of its type. The spec has an
    /// idempotency key: the same event gives the same key, whenever and however often it comes.
    fn spec(&self, event: &Event, body: &[u8], colony: Id, now: Timestamp) -> Option<Spec>;
}

/// What is needed of an event. Every text is bounded, and plain enough to be logged and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name at the sender.
    pub(crate) id: String,
    /// What happened, in the sender's words.
    pub(crate) kind: String,
    /// Whether it happened in earnest, and not in a test environment.
    pub(crate) livemode: bool,
    /// On whose behalf, where the sender serves several accounts.
    pub(crate) account: Option<String>,
}
