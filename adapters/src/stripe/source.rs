//! Stripe as a source of webhooks.

use std::time::Duration;

use apiary_identity::{Backoff, Content, Id, OnFailed, Spec};
use http::HeaderMap;
use jiff::Timestamp;

use super::config::{EXECUTOR_TYPE, FUNCTION, StripeConfig};
use super::{event, signature};
use crate::refusal::Refusal;
use crate::source::{Event, Source};

/// Time limit for an attempt. An event needs a few statements; more time means that the database hangs.
const MAX_EXEC: Duration = Duration::from_secs(30);
/// Retries for conflicts with stored rows and for lost executors, over some nine hours with the back-off below. An
/// unavailable state of record, or one that rejects the key, spends no retry.
const MAX_RETRIES: i32 = 20;
const BACKOFF: Backoff = Backoff { first_ms: 1000, factor: 2.0, most_ms: 3_600_000, jitter: 0.2 };

/// Stripe as a source of webhooks.
pub(crate) struct StripeSource {
    config: StripeConfig,
}

impl StripeSource {
    /// Creates the source from a valid `config`.
    pub(crate) fn new(config: StripeConfig) -> Self {
        Self { config }
    }
}

impl Source for StripeSource {
    fn path(&self) -> &str {
        &self.config.path
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Event, Refusal> {
        signature::verify(headers, body, &self.config.secrets, self.config.tolerance, now)?;
        event::read(body)
    }

    fn spec(&self, event: &Event, body: &[u8], colony: Id, now: Timestamp) -> Option<Spec> {
        if !self.config.handled_types.contains(&event.kind) {
            return None;
        }
        let mut spec = Spec::new(colony, EXECUTOR_TYPE, FUNCTION, now).with_args(Content::from_bytes(body));
        spec.labels = [
            ("stripe_event".to_owned(), event.id.clone()),
            ("stripe_type".to_owned(), event.kind.clone()),
            ("livemode".to_owned(), event.livemode.to_string()),
        ]
        .into();
        if let Some(account) = &event.account {
            spec.labels.insert("stripe_account".to_owned(), account.clone());
        }
        spec.idempotency_key = Some(idempotency_key(event));
        // Stripe's *Resend* retries an event that had failed for good.
        spec.on_failed = OnFailed::Redrive;
        spec.priority = self.config.priority;
        spec.max_exec_ms = i64::try_from(MAX_EXEC.as_millis()).unwrap_or(i64::MAX);
        spec.max_retries = MAX_RETRIES;
        spec.backoff = BACKOFF;
        Some(spec)
    }
}

/// Returns the key `stripe:<live|test>:<account, or nothing>:<event id>`. An event keeps its id over all of Stripe's
/// retries, and over all endpoints that it is sent to. Mode and account are part of the key, so that no test event, and
/// no event of a connected account, is taken for another. No part may contain a colon.
fn idempotency_key(event: &Event) -> String {
    let mode = if event.livemode { "live" } else { "test" };
    format!("stripe:{mode}:{}:{}", event.account.as_deref().unwrap_or_default(), event.id)
}
