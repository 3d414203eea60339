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
        // Without any, those of the stored state are recorded no longer.
        let is_recorded = all.iter().any(|event| event.second() == second);
        all.extend(Contender::new(change.clone()));
        // Of events that show the same, the decision takes the first: which it is must not depend on their arrival.
        all.sort_by_cached_key(Contender::contents);
        let (same, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|event| event.second() == second);
        // A later event does not precede these: it comes here if the stored state is final and open.
        let last = others.iter().map(Contender::second).filter(|other| *other < second).max();
        let (before, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|event| Some(event.second()) == last);
        let Some(decision) = decide(&same, &before) else {
            // The events of the stored state are recorded no longer: this one is older.
            return Ok(only_recorded(change));
        };
        let is_certain = decision.is_certain && is_recorded && !tie.more;
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
        settled.add_items(same.iter().chain(&before).chain(&others).map(|event| &event.change));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECOND: i64 = 1_795_000_000;
    const STORED: &str = "0-001795000000.001";

    /// An event of one subscription that says when it happened and what it shows, and nothing of what was before.
    fn event(id: &str, verb: &str, created: i64, status: &str) -> String {
        let object = json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status});
        let event = json!({"id": id, "type": format!("customer.subscription.{verb}"), "created": created,
            "data": {"object": object}});
        event.to_string()
    }

    async fn settled(change: &str, version: &str, events: &[&str]) -> Change {
        let events = events.iter().map(|&event| event.to_owned()).collect();
        let tie = Tie { version: version.to_owned(), events, more: false };
        Resolver::default().settle(&Change::from_event(change.as_bytes()).unwrap(), &tie).await.unwrap()
    }

    fn marks(change: &Change) -> (Option<&str>, bool, bool) {
        let written = change.subscription.as_ref().unwrap();
        (written.state.status.as_deref(), written.order_uncertain, written.order_open)
    }

    /// A writer that ended between a tie and its decision leaves the order open, though one event alone made the state.
    #[tokio::test]
    async fn an_older_event_does_not_make_a_lone_event_uncertain() {
        let lone = event("evt_2", "updated", SECOND, "active");
        let older = event("evt_1", "updated", SECOND - 1, "past_due");
        assert_eq!(marks(&settled(&older, STORED, &[&lone]).await), (Some("active"), false, false));
    }

    #[tokio::test]
    async fn without_the_recorded_events_of_the_stored_state_its_order_is_uncertain() {
        let same = event("evt_2", "updated", SECOND, "active");
        assert_eq!(marks(&settled(&same, STORED, &[]).await), (Some("active"), true, false));
    }

    /// A writer that looked before another one recorded the same event.
    #[tokio::test]
    async fn an_event_among_the_recorded_ones_is_no_second_event() {
        let lone = event("evt_1", "updated", SECOND, "active");
        assert_eq!(marks(&settled(&lone, STORED, &[&lone]).await), (Some("active"), false, false));
    }

    #[tokio::test]
    async fn an_event_after_a_final_state_says_nothing_of_what_was_before_it() {
        let final_version = "1-001795000000.002";
        let ended = event("evt_1", "deleted", SECOND, "canceled");
        let other = event("evt_2", "deleted", SECOND, "incomplete_expired");
        let (older, later) =
            (event("evt_0", "updated", SECOND - 1, "active"), event("evt_3", "updated", SECOND + 1, "unpaid"));
        let without = settled(&older, final_version, &[&ended, &other]).await;
        let with = settled(&later, final_version, &[&ended, &other, &older]).await;
        assert_eq!(marks(&with), marks(&without));
        assert_eq!(with.state_version(), "1-001795000000.003", "a decision that other writers see");
    }

    #[tokio::test]
    async fn of_events_before_that_show_the_same_the_same_one_counts_in_every_order() {
        // Cards are not kept, so both events before show one state; only after the first of them does the circle close.
        let with_card = |id: &str, created: i64, status: &str, card: &str, previous: Value| {
            let mut event: Value = serde_json::from_str(&event(id, "updated", created, status)).unwrap();
            event["data"]["object"]["default_payment_method"] = json!(card);
            event["data"]["previous_attributes"] = previous;
            event.to_string()
        };
        let before = |id: &str, card: &str| with_card(id, SECOND - 1, "active", card, Value::Null);
        let was = |status: &str, card: &str| json!({"status": status, "default_payment_method": card});
        let (one, other) = (before("evt_2", "pm_1"), before("evt_1", "pm_2"));
        let failed = with_card("evt_3", SECOND, "past_due", "pm_3", was("active", "pm_1"));
        let recovered = with_card("evt_4", SECOND, "active", "pm_1", was("past_due", "pm_3"));
        let first = settled(&failed, STORED, &[&recovered, &one, &other]).await;
        for (change, events) in [
            (&failed, [&recovered, &other, &one]),
            (&one, [&failed, &recovered, &other]),
            (&other, [&failed, &recovered, &one]),
        ] {
            assert_eq!(marks(&settled(change, STORED, &events.map(String::as_str)).await), marks(&first));
        }
    }
}
