//! The same end state, whatever the order and however often.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::harness::event::{T0, apply, event, invoice, subscription};
use crate::harness::file::File;
use crate::harness::state::State;
use crate::history::{history_and_redelivery, life};
use apiary_bees::finance::{Answer, Change, Record as _, SubscriptionQuery};

async fn end_state(events: &[Vec<u8>]) -> State {
    let file = File::new().await;
    for event in events {
        apply(&file.record, event).await;
    }
    file.state().await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_order_and_any_repetition_of_events_ends_in_the_same_state(
        (events, redelivery) in history_and_redelivery(12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            prop_assert_eq!(end_state(&events).await, end_state(&redelivery).await);
            Ok::<_, TestCaseError>(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_life_that_lists_its_previous_values_ends_as_it_ended_or_says_that_it_is_not_certain(
        (events, last) in life(9)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let file = File::new().await;
            for event in &events {
                apply(&file.record, event).await;
            }
            let row = file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0);
            let item = &last["items"]["data"][0];
            let is_last = row.status.as_deref() == last["status"].as_str()
                && row.quantity == item["quantity"].as_i64()
                && row.price_id.as_deref() == item["price"]["id"].as_str()
                && row.cancel_at_period_end == last["cancel_at_period_end"].as_bool()
                && row.metadata["n"] == last["metadata"]["n"];
            prop_assert!(is_last || row.order_uncertain, "{last} but {row:?}");
            Ok::<_, TestCaseError>(())
        })?;
    }
}

/// The status of `sub_1` after these events in this order, and after them in the opposite order.
async fn statuses(events: &[(&str, &str, i64, &str)]) -> (Option<String>, Option<String>) {
    let events: Vec<Vec<u8>> = events
        .iter()
        .map(|(id, what, at, status)| {
            let object = subscription("sub_1", "cus_1", status, T0);
            event(id, &format!("customer.subscription.{what}"), *at, &object)
        })
        .collect();
    (status(events.iter()).await, status(events.iter().rev()).await)
}

async fn status<'a>(events: impl Iterator<Item = &'a Vec<u8>>) -> Option<String> {
    let file = File::new().await;
    for event in events {
        apply(&file.record, event).await;
    }
    file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0).status
}

fn both(status: &str) -> (Option<String>, Option<String>) {
    (Some(status.to_owned()), Some(status.to_owned()))
}

#[tokio::test]
async fn an_older_event_between_a_tie_and_its_decision_is_a_tie_as_well() {
    let file = File::new().await;
    let change = |id, at, status| {
        let event = event(id, "customer.subscription.updated", at, &subscription("sub_1", "cus_1", status, T0));
        Change::from_event(&event).unwrap()
    };
    let (first, second) = (change("evt_1", T0 + 1, "active"), change("evt_2", T0 + 1, "past_due"));
    let older = change("evt_0", T0, "past_due");
    assert!(matches!(file.record.apply(&[&first]).await.unwrap()[0], Answer::Done(_)));
    assert!(matches!(file.record.apply(&[&second]).await.unwrap()[0], Answer::Tie(_)));
    // The decision on the second may depend on it, and was made without it.
    assert!(matches!(file.record.apply(&[&older]).await.unwrap()[0], Answer::Tie(_)));
}

#[tokio::test]
async fn a_late_event_does_not_overwrite_newer_state() {
    let events = [("evt_9", "updated", T0, "past_due"), ("evt_1", "updated", T0 + 1, "active")];
    assert_eq!(statuses(&events).await, both("active"));
}

#[tokio::test]
async fn an_update_in_the_second_of_the_deletion_does_not_bring_a_subscription_back() {
    let events = [("evt_9", "updated", T0, "active"), ("evt_1", "deleted", T0, "canceled")];
    assert_eq!(statuses(&events).await, both("canceled"));
}

#[tokio::test]
async fn nothing_brings_an_ended_subscription_back() {
    let events = [("evt_1", "updated", T0, "incomplete_expired"), ("evt_2", "updated", T0 + 60, "active")];
    assert_eq!(statuses(&events).await, both("incomplete_expired"));
}

#[tokio::test]
async fn a_subscription_that_is_created_and_paid_in_one_second_is_active() {
    let events = [("evt_9", "created", T0, "incomplete"), ("evt_1", "updated", T0, "active")];
    assert_eq!(statuses(&events).await, both("active"));
}

#[tokio::test]
async fn a_renewal_and_its_failed_payment_in_one_second_leave_it_past_due() {
    let events = [("evt_9", "updated", T0, "active"), ("evt_1", "updated", T0, "past_due")];
    assert_eq!(statuses(&events).await, both("past_due"));
}

#[tokio::test]
async fn the_newest_invoice_counts_even_if_an_older_one_is_touched_later() {
    let events = [
        event("evt_1", "invoice.paid", T0 + 1, &invoice("in_new", "cus_1", "sub_1", T0 + 1)),
        event("evt_2", "invoice.voided", T0 + 9, &invoice("in_old", "cus_1", "sub_1", T0)),
        event("evt_3", "invoice.payment_failed", T0 + 1, &invoice("in_new", "cus_1", "sub_1", T0 + 1)),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let file = File::new().await;
        for n in order {
            apply(&file.record, &events[n]).await;
        }
        let stored = file.record.subscriptions(&SubscriptionQuery::all(false)).await.unwrap().remove(0);
        assert_eq!(stored.last_invoice_id.as_deref(), Some("in_new"));
        assert_eq!(stored.last_invoice_outcome.as_deref(), Some("paid"), "{order:?}");
    }
}
