//! Ranks of states, for what the events' contents leave open.

use super::contender::Contender;
use super::links::Cost;

/// Returns the place of an event's type among those that follow each other in one order only.
pub(super) fn lifecycle(event: &Contender) -> Option<u8> {
    Some(match (event.noun(), event.verb()) {
        ("payment_intent" | "invoice" | "charge.dispute" | "refund" | "subscription_schedule", "created")
        | ("charge", "pending") => 0,
        ("payment_intent", "requires_action") | ("charge", "succeeded" | "failed") | ("invoice", "finalized") => 1,
        ("charge.dispute", "funds_withdrawn") | ("checkout.session", "completed") => 1,
        ("payment_intent", "partially_funded") | ("charge", "captured") | ("invoice", "sent") => 2,
        ("checkout.session", "async_payment_succeeded" | "async_payment_failed") => 2,
        ("payment_intent", "processing") | ("invoice", "payment_action_required") => 3,
        ("charge.dispute", "closed") | ("checkout.session", "expired") => 3,
        ("payment_intent", "amount_capturable_updated") | ("invoice", "payment_failed") => 4,
        ("charge", "refunded" | "expired") | ("charge.dispute", "funds_reinstated") => 4,
        ("payment_intent", "payment_failed") | ("invoice", "marked_uncollectible") => 5,
        ("payment_intent", "canceled" | "succeeded") | ("invoice", "paid" | "payment_succeeded") => 6,
        ("refund", "failed") | ("subscription_schedule", "canceled" | "completed" | "released" | "aborted") => 6,
        ("invoice", "voided" | "deleted") => 7,
        _ => return None,
    })
}

/// Returns the event with the most probable last state of these. Contents decide, never ids: equal contents are one state.
pub(super) fn highest(events: &[Contender], among: Vec<usize>, cost: Cost) -> Option<usize> {
    let is_circle = cost.is_supported();
    among.into_iter().max_by_key(|n| {
        let event = &events[*n];
        let probable = if is_circle { rest(event) } else { progress(event) };
        (probable, event.object.to_string())
    })
}

/// Ranks a state in which events that lead in a circle can have begun, and therefore end: the more usual, the higher.
fn rest(event: &Contender) -> (i64, i64) {
    let object = &event.object;
    let status = match status(event) {
        "active" | "succeeded" | "paid" => 9,
        "trialing" => 8,
        "past_due" => 5,
        "paused" => 4,
        "unpaid" => 3,
        "incomplete" => 2,
        _ => 1,
    };
    let is_undisturbed = object["cancel_at_period_end"] != true && object["cancel_at"].is_null();
    (status, i64::from(is_undisturbed) + i64::from(object["pause_collection"].is_null()))
}

/// Ranks a state in the course of an object's life: the later, the higher.
fn progress(event: &Contender) -> (i64, i64) {
    let by_type = lifecycle(event).unwrap_or(1);
    let status = match status(event) {
        "incomplete" => 10,
        "trialing" => 20,
        "paused" => 30,
        "active" => 40,
        "past_due" => 50,
        "unpaid" => 60,
        "incomplete_expired" => 80,
        "canceled" => 90,
        // An unknown status is more probably a new kind of trouble than a new kind of beginning.
        _ => 70,
    };
    let period_end = event.change.subscription.as_ref().and_then(|changed| changed.state.current_period_end);
    let created = i64::from(event.verb() != "created");
    (created * 1000 + i64::from(by_type) * 100 + status, period_end.map_or(0, |end| end.as_second()))
}

fn status(event: &Contender) -> &str {
    event.object["status"].as_str().unwrap_or_default()
}
