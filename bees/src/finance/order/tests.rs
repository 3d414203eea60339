//! Tests of decisions, each in every order of arrival.

use serde_json::{Value, json};

use super::*;

/// An event of `sub_1`, or of another kind of object.
fn event(id: &str, event_type: &str, object: &Value, previous: Value) -> Contender {
    let mut data = json!({"object": object});
    if !previous.is_null() {
        data["previous_attributes"] = previous;
    }
    let event = json!({"id": id, "type": event_type, "created": 1_764_400_000, "data": data});
    Contender::read(&event.to_string()).unwrap()
}

fn updated(id: &str, object: &Value, previous: Value) -> Contender {
    event(id, "customer.subscription.updated", object, previous)
}

fn subscription(status: &str, price: &str) -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "metadata": {},
        "items": {"data": [{"id": "si_1", "quantity": 1, "price": {"id": price, "product": "prod_1"}}]},
    })
}

/// Decides in every order of the events; returns the winner's id, and whether it is certain.
fn decided(events: Vec<Contender>, before: &[Contender]) -> (String, bool) {
    let mut orders: Vec<Vec<usize>> = vec![vec![]];
    for n in 0..events.len() {
        let longer = orders.into_iter().flat_map(|order| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, n);
                order
            })
        });
        orders = longer.collect();
    }
    let decisions = orders.into_iter().map(|order| {
        let shuffled: Vec<Contender> =
            order.iter().map(|n| Contender::new(events[*n].change.clone()).unwrap()).collect();
        let decision = decide(&shuffled, before).unwrap();
        (shuffled[decision.winner].change.event.id.clone(), decision.is_certain)
    });
    let mut decisions: Vec<_> = decisions.collect();
    decisions.dedup();
    assert_eq!(decisions.len(), 1, "the order of arrival decides: {decisions:?}");
    decisions.remove(0)
}

fn certainly(id: &str) -> (String, bool) {
    (id.to_owned(), true)
}

fn perhaps(id: &str) -> (String, bool) {
    (id.to_owned(), false)
}

#[test]
fn an_event_follows_the_one_whose_state_it_lists_as_previous() {
    let year = updated("evt_z", &subscription("active", "year"), json!({"metadata": {"a": null}}));
    let month =
        updated("evt_a", &subscription("active", "month"), json!({"items": {"data": [{"price": {"id": "year"}}]}}));
    assert_eq!(decided(vec![year, month], &[]), certainly("evt_a"));
}

#[test]
fn values_that_change_along_without_being_listed_do_not_hide_what_is_listed() {
    let until = |mut object: Value, end: i64| {
        object["items"]["data"][0]["current_period_end"] = json!(end);
        object
    };
    let year = || until(subscription("active", "year"), 1_795_936_000);
    let month = || until(subscription("active", "month"), 1_766_992_000);
    let previous = || json!({"items": {"data": [{"price": {"id": "year"}}]}});
    let events = vec![updated("evt_z", &year(), Value::Null), updated("evt_a", &month(), previous())];
    assert_eq!(decided(events, &[]), certainly("evt_a"));
    let noted = updated("evt_z", &year(), json!({"metadata": {"a": "1"}}));
    assert_eq!(decided(vec![noted, updated("evt_a", &month(), previous())], &[]), certainly("evt_a"));
}

#[test]
fn a_chain_of_many_is_followed_to_its_end() {
    let quantity = |quantity: u32| {
        let mut object = subscription("active", "seat");
        object["items"]["data"][0]["quantity"] = json!(quantity);
        object
    };
    let events = (1..=6).map(|n| {
        let previous = json!({"items": {"data": [{"id": "si_1", "quantity": n}]}});
        updated(&format!("evt_{}", 9 - n), &quantity(n + 1), previous)
    });
    let events: Vec<Contender> = events.collect();
    let certain = |winner| Some(Decision { winner, is_certain: true, is_open: false });
    assert_eq!(decide(&events, &[]), certain(5));
    let reversed: Vec<Contender> = events.into_iter().rev().collect();
    assert_eq!(decide(&reversed, &[]), certain(0));
}

#[test]
fn an_announcement_stands_where_its_state_is() {
    let announced =
        event("evt_z", "customer.subscription.trial_will_end", &subscription("trialing", "basic"), Value::Null);
    let ended = updated("evt_a", &subscription("active", "basic"), json!({"status": "trialing"}));
    assert_eq!(decided(vec![announced, ended], &[]), certainly("evt_a"));
}

#[test]
fn a_pause_on_demand_follows_the_update_that_shows_another_status() {
    let mut holiday = subscription("active", "basic");
    holiday["metadata"] = json!({"why": "holiday"});
    let mut paused = holiday.clone();
    paused["status"] = json!("paused");
    let update = updated("evt_a", &holiday, json!({"metadata": {}}));
    let pause = event("evt_b", "customer.subscription.paused", &paused, Value::Null);
    assert_eq!(decided(vec![update, pause], &[]), certainly("evt_b"));
}

#[test]
fn pausing_twice_with_a_resumption_between_ends_paused() {
    let (active, paused) = (subscription("active", "basic"), subscription("paused", "basic"));
    let events = vec![
        updated("evt_c", &paused, json!({"status": "active"})),
        updated("evt_b", &active, json!({"status": "paused"})),
        updated("evt_a", &paused, json!({"status": "active"})),
    ];
    let (winner, is_certain) = decided_status(&events);
    assert_eq!((winner.as_str(), is_certain), ("paused", true));
}

fn decided_status(events: &[Contender]) -> (String, bool) {
    let decision = decide(events, &[]).unwrap();
    (events[decision.winner].object["status"].as_str().unwrap().to_owned(), decision.is_certain)
}

#[test]
fn a_circle_ends_where_the_second_before_left_off_and_else_at_rest() {
    let failed = || updated("evt_z", &subscription("past_due", "basic"), json!({"status": "active"}));
    let recovered = || updated("evt_a", &subscription("active", "basic"), json!({"status": "past_due"}));
    assert_eq!(decided(vec![failed(), recovered()], &[]), perhaps("evt_a"));
    let before = [updated("evt_0", &subscription("past_due", "basic"), json!({"status": "active"}))];
    assert_eq!(decided(vec![failed(), recovered()], &before), certainly("evt_z"));
    let before = [updated("evt_0", &subscription("active", "basic"), Value::Null)];
    assert_eq!(decided(vec![failed(), recovered()], &before), certainly("evt_a"));
}

#[test]
fn a_recovery_by_a_new_card_follows_the_failure() {
    let mut recovered = subscription("active", "basic");
    recovered["default_payment_method"] = json!("pm_new");
    let previous = json!({"status": "past_due", "default_payment_method": null});
    let failed = updated("evt_b", &subscription("past_due", "basic"), json!({"status": "active"}));
    assert_eq!(decided(vec![failed, updated("evt_a", &recovered, previous)], &[]), certainly("evt_a"));
}

#[test]
fn a_cancellation_is_the_last_whatever_else_happens() {
    let deleted = event("evt_a", "customer.subscription.deleted", &subscription("canceled", "basic"), Value::Null);
    let update = updated("evt_z", &subscription("active", "pro"), json!({"status": "canceled"}));
    assert_eq!(decided(vec![deleted, update], &[]), certainly("evt_a"));
}

#[test]
fn events_with_a_missing_link_between_them_are_not_certain_until_it_comes() {
    let first = || updated("evt_c", &subscription("active", "b"), json!({"items": {"data": [{"price": {"id": "a"}}]}}));
    let last = || updated("evt_a", &subscription("active", "d"), json!({"items": {"data": [{"price": {"id": "c"}}]}}));
    let link = updated("evt_b", &subscription("active", "c"), json!({"items": {"data": [{"price": {"id": "b"}}]}}));
    assert!(!decided(vec![first(), last()], &[]).1);
    assert_eq!(decided(vec![first(), last(), link], &[]), certainly("evt_a"));
}

#[test]
fn ids_decide_nothing() {
    for (one, other) in [("evt_a", "evt_z"), ("evt_z", "evt_a")] {
        let events = [
            updated(one, &subscription("active", "x"), Value::Null),
            updated(other, &subscription("active", "y"), Value::Null),
        ];
        let decision = decide(&events, &[]).unwrap();
        assert_eq!(
            (events[decision.winner].object["items"]["data"][0]["price"]["id"].as_str(), decision.is_certain),
            (Some("y"), false)
        );
    }
}

#[test]
fn a_payment_that_fails_and_succeeds_has_succeeded() {
    let intent = |status: &str| json!({"id": "pi_1", "object": "payment_intent", "status": status, "amount": 500});
    let events = vec![
        event("evt_c", "payment_intent.created", &intent("requires_payment_method"), Value::Null),
        event("evt_b", "payment_intent.payment_failed", &intent("requires_payment_method"), Value::Null),
        event("evt_a", "payment_intent.succeeded", &intent("succeeded"), Value::Null),
    ];
    assert_eq!(decided(events, &[]), certainly("evt_a"));
}

#[test]
fn customers_are_ordered_as_subscriptions_are() {
    let customer = |email: &str| json!({"id": "cus_1", "object": "customer", "email": email, "metadata": {}});
    let events = vec![
        event("evt_z", "customer.created", &customer("a@example.com"), Value::Null),
        event("evt_y", "customer.updated", &customer("b@example.com"), json!({"email": "a@example.com"})),
        event("evt_x", "customer.updated", &customer("c@example.com"), json!({"email": "b@example.com"})),
    ];
    assert_eq!(decided(events, &[]), certainly("evt_x"));
}
