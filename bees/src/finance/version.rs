//! Versions: texts whose byte order is the order of the states that they stand for.
//!
//! The [module's documentation](super) has the rule and its reasons.

use super::stripe::Occurrence;

/// Returns the version of the state in a `customer.subscription.*` event.
///
/// Order of the parts: ended, time, kind, status, period, event id.
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

/// Returns the version of the state in a `customer.*` event.
pub(super) fn of_customer_state(event: &Occurrence, deleted: bool, kind: u8) -> String {
    format!("{}-{:012}-{kind}-{}", u8::from(deleted), event.created_s, event.id)
}

/// Returns the version of a checkout.
pub(super) fn of_checkout(event: &Occurrence, kind: u8) -> String {
    format!("{:012}-{kind}-{}", event.created_s, event.id)
}

/// Returns the version of an invoice's outcome: the newest invoice counts first, then its latest event.
pub(super) fn of_invoice(event: &Occurrence, invoice_created_s: i64, invoice_id: &str, kind: u8) -> String {
    format!("{invoice_created_s:012}-{invoice_id}-{:012}-{kind}-{}", event.created_s, event.id)
}

/// Returns the version of a mere mention: an event that names a customer.
pub(super) fn of_mention(event: &Occurrence) -> String {
    format!("{:012}-{}", event.created_s, event.id)
}

/// Ranks a status in the course of a subscription's life, for events of the same second.
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
        // An unknown status is more probably a new kind of trouble than a new kind of beginning.
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
