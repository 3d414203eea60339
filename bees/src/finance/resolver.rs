//! Answers to what an event alone leaves open: its place among those of its second, and items that it does not show.

use std::sync::Arc;

use serde_json::Value;

use super::change::{Change, EventRow, SubscriptionChange};
use super::error::RecordError;
use super::order::{Contender, decide};
use super::reads::{ReadError, StripeReads};
use super::record::Tie;
use super::stripe::EventError;
use super::version;

/// The events of a tie, and Stripe itself where there is a key for it.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    pub(super) reads: Option<Arc<dyn StripeReads>>,
}

impl Resolver {
    /// Reads the items that an event does not show: Stripe puts the first of a long list into it. Without a key, the items
    /// of before are kept.
    pub(super) async fn complete(&self, change: Change) -> Result<Change, RecordError> {
        if change.subscription.as_ref().is_none_or(SubscriptionChange::shows_every_item) {
            return Ok(change);
        }
        let id = change.event.object_id.as_deref().unwrap_or_default();
        let Some(reads) = &self.reads else {
            tracing::warn!(
                object_id = %id,
                "an event does not show all items of this subscription, so those of before are kept: set \
                 `finance.stripe_secret_key` so that all are read at Stripe"
            );
            return Ok(change);
        };
        let asked = ask(reads.as_ref(), &change.event, "subscription", id, |object| {
            change.with_items(&object["items"]["data"])
        });
        match asked.await? {
            Ok(complete) => Ok(complete),
            Err(why) => {
                tracing::warn!(
                    object_id = %id, error = %why,
                    "an event does not show all items of this subscription, and they cannot be read at Stripe: those of \
                     before are kept"
                );
                Ok(change)
            }
        }
    }

    /// Decides the order of an event among those of its second: returns the change that writes the last state.
    pub(super) async fn settle(&self, change: &Change, tie: &Tie) -> Result<Change, RecordError> {
        let second = version::second(&tie.version).unwrap_or_default();
        let next = version::next_revision(&tie.version);
        if change.is_reading() && version::second(change.state_version()) == Some(second) {
            // What Stripe says ends the second; of two readings the later one says more.
            let mut settled = self.read(change, second).await?.unwrap_or_else(|| change.clone());
            settled.revise(next, false, false);
            return Ok(settled);
        }
        let mut all: Vec<_> = tie.events.iter().filter_map(|payload| Contender::read(payload)).collect();
        all.extend(Contender::new(change.clone()));
        let (same, before): (Vec<_>, Vec<_>) = all.into_iter().partition(|event| event.second() == second);
        let last = before.iter().map(Contender::second).max();
        let (before, older): (Vec<_>, Vec<_>) = before.into_iter().partition(|event| Some(event.second()) == last);
        let Some(decision) = decide(&same, &before) else {
            // The events of the stored state are recorded no longer: this one is older.
            return Ok(only_recorded(change));
        };
        // A lone event means that the one before it in this second is recorded no longer.
        let is_certain = decision.is_certain && same.len() > 1 && !tie.more;
        let read = if is_certain { None } else { self.read(change, second).await? };
        let is_known = is_certain || read.is_some();
        // What was read at Stripe depends on no event.
        let is_open = decision.is_open && read.is_none();
        let mut settled = match read {
            Some(read) => read,
            None => {
                let winner = self.complete(same[decision.winner].change.clone()).await?;
                Change { event: change.event.clone(), ..winner }
            }
        };
        settled.revise(next, !is_known, is_open);
        settled.add_items(same.iter().chain(&before).chain(&older).map(|event| &event.change));
        // Can be less where the events of the stored state are recorded no longer.
        Ok(if settled.state_version() > tie.version.as_str() { settled } else { only_recorded(change) })
    }

    /// Reads the object at Stripe, because the order of its events is not certain; `None` if it cannot be read.
    async fn read(&self, change: &Change, second: i64) -> Result<Option<Change>, RecordError> {
        let (Some(kind), Some(id)) = (&change.event.object_type, &change.event.object_id) else { return Ok(None) };
        let Some(reads) = &self.reads else {
            tracing::warn!(
                object_id = %id, second,
                "several events of one object bear this second, and their order is not certain: set \
                 `finance.stripe_secret_key` so that the object is read at Stripe"
            );
            return Ok(None);
        };
        let asked = ask(reads.as_ref(), &change.event, kind, id, |object| change.with_object(object, second));
        let read = asked.await?.inspect_err(|why| {
            tracing::warn!(
                object_id = %id, second, error = %why,
                "several events of one object bear this second, their order is not certain, and the object cannot be read \
                 at Stripe"
            );
        });
        Ok(read.ok())
    }
}

/// Reads an event's object at Stripe, and makes a change of it; the inner error says why that is not possible.
async fn ask(
    reads: &dyn StripeReads,
    event: &EventRow,
    kind: &str,
    id: &str,
    make: impl FnOnce(&Value) -> Result<Change, EventError> + Send,
) -> Result<Result<Change, String>, RecordError> {
    match reads.object(&event.account, event.livemode, kind, id).await {
        Ok(object) => Ok(make(&object).map_err(|error| error.to_string())),
        Err(ReadError::Unavailable { what, retry_after }) => Err(RecordError::Stripe { what, retry_after }),
        Err(error @ (ReadError::Refused(_) | ReadError::NotFound(_))) => Ok(Err(error.to_string())),
    }
}

/// Returns a change that records an event, and leaves its object as it is.
fn only_recorded(change: &Change) -> Change {
    Change { event: change.event.clone(), customer: None, subscription: None, object: None }
}
