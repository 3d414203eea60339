//! Versions: texts that sort, byte by byte, as the states that they stand for follow each other.
//!
//! The rule, and why it is this one, is in the [module's documentation](super).

use super::stripe::Occurrence;

/// The version of what a `customer.subscription.*` event shows.
///
/// Ended before time, time before kind, kind before status, status before period, and the event's id last.
pub(super) fn of_subscription_state(
    event: &Occurrence,
    ended: bool,
    kind: u8,
    status: &str,
    period_end_s: i64,
) -> String {
    let (ended, status) = (u8::from(ended), status_rank(status));
    format!("{ended}-{:012}-{kind}-{status:02}-{period_end_s:012}-{}", event.created_s, event.id)
}

/// The version of what a `customer.*` event shows.
pub(super) fn of_customer_state(event: &Occurrence, deleted: bool, kind: u8) -> String {
    format!("{}-{:012}-{kind}-{}", u8::from(deleted), event.created_s, event.id)
}

/// The version of what a checkout says.
pub(super) fn of_checkout(event: &Occurrence, kind: u8) -> String {
    format!("{:012}-{kind}-{}", event.created_s, event.id)
}

/// The version of what became of an invoice: the newest invoice first, then its latest event.
pub(super) fn of_invoice(event: &Occurrence, invoice_created_s: i64, invoice_id: &str, kind: u8) -> String {
    format!("{invoice_created_s:012}-{invoice_id}-{:012}-{kind}-{}", event.created_s, event.id)
}

/// The version of the plain fact that an event names something.
pub(super) fn of_mention(event: &Occurrence) -> String {
    format!("{:012}-{}", event.created_s, event.id)
}

/// Where a status stands in the course of a subscription's life, for events of the same second.
fn status_rank(status: &str) -> u8 {
    match status {
        "incomplete" => 10,
        "trialing" => 20,
        "paused" => 30,
        "active" => 40,
        "past_due" => 50,
        "unpaid" => 60,
        "incomplete_expired" => 80,
        "canceled" => 90,
        // Unknown today: more probably a new way to be in trouble than a new way to begin.
        _ => 70,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(created_s: i64, id: &str) -> Occurrence {
        Occurrence { id: id.to_owned(), created_s, livemode: false }
    }

    fn state(created_s: i64, ended: bool, kind: u8, status: &str, period_end_s: i64, id: &str) -> String {
        of_subscription_state(&event(created_s, id), ended, kind, status, period_end_s)
    }

    #[test]
    fn a_later_second_wins() {
        assert!(state(9, false, 1, "unpaid", 99, "evt_z") < state(10, false, 1, "active", 1, "evt_a"));
    }

    #[test]
    fn an_ended_subscription_is_not_revived_by_a_later_event() {
        assert!(state(20, false, 1, "active", 0, "evt_z") < state(10, true, 2, "canceled", 0, "evt_a"));
    }

    #[test]
    fn in_one_second_creation_comes_first_and_the_status_decides_among_updates() {
        let created = state(10, false, 0, "active", 0, "evt_z");
        let incomplete = state(10, false, 1, "incomplete", 0, "evt_y");
        let active = state(10, false, 1, "active", 5, "evt_x");
        let renewed = state(10, false, 1, "active", 6, "evt_b");
        let past_due = state(10, false, 1, "past_due", 0, "evt_a");
        let order = [&created, &incomplete, &active, &renewed, &past_due];
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn no_two_events_have_one_version() {
        assert_ne!(state(10, false, 1, "active", 0, "evt_a"), state(10, false, 1, "active", 0, "evt_b"));
        assert_ne!(of_invoice(&event(1, "evt_a"), 1, "in_1", 1), of_invoice(&event(1, "evt_b"), 1, "in_1", 1));
    }

    #[test]
    fn the_empty_version_of_a_register_never_written_is_the_least() {
        assert!("" < of_mention(&event(0, "evt")).as_str());
    }
}
