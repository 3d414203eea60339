//! Versions: texts whose byte order is the order of the states that they stand for.
//!
//! The [module's documentation](super) has the rule and its reasons.

use super::stripe::Occurrence;

/// The first revision within a second: a single event, compared with no other.
const FIRST: &str = ".001";
/// Bytes of a revision at the end of a version.
const REVISION_BYTES: usize = FIRST.len();
/// The largest revision; a version has three digits for it.
const REVISION_MAX: u32 = 999;

/// Returns the version of an object's state in an event of its own: finality, second, revision.
pub(super) fn of_state(event: &Occurrence, is_final: bool) -> String {
    format!("{}-{:012}{FIRST}", u8::from(is_final), event.created_s)
}

/// Returns the version of a checkout in the customer and the subscription that it made.
pub(super) fn of_checkout(event: &Occurrence, kind: u8, session_id: &str) -> String {
    format!("{:012}-{kind}-{session_id}", event.created_s)
}

/// Returns the version of a subscription's newest invoice: the newest invoice counts first, then its own state.
pub(super) fn of_invoice(event: &Occurrence, invoice_created_s: i64, invoice_id: &str, is_final: bool) -> String {
    format!("{invoice_created_s:012}-{invoice_id}-{}", of_state(event, is_final))
}

/// Returns the version of a mere mention: an event that names a customer.
pub(super) fn of_mention(event: &Occurrence, customer_id: &str) -> String {
    format!("{:012}-{customer_id}", event.created_s)
}

/// Replaces the revision of a state's version; leaves an empty version, which writes nothing, as it is.
pub(super) fn revise(version: &mut String, revision: u32) {
    if version.len() > REVISION_BYTES {
        version.truncate(version.len() - REVISION_BYTES);
        version.push_str(&format!(".{:03}", revision.min(REVISION_MAX)));
    }
}

/// Returns the revision after that of a stored state.
pub(super) fn next_revision(version: &str) -> u32 {
    version.rsplit_once('.').and_then(|(_, revision)| revision.parse().ok()).unwrap_or(0_u32).saturating_add(1)
}

/// Returns a state's version without its revision: finality and second.
pub(super) fn moment(version: &str) -> &str {
    version.get(..version.len().saturating_sub(REVISION_BYTES)).unwrap_or_default()
}

/// Returns the second of a state's version.
pub(super) fn second(version: &str) -> Option<i64> {
    version.get(2..14)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(created_s: i64) -> Occurrence {
        Occurrence { account: String::new(), id: "evt_1".to_owned(), created_s, livemode: false }
    }

    #[test]
    fn a_later_second_wins() {
        assert!(of_state(&event(9), false) < of_state(&event(10), false));
    }

    #[test]
    fn an_ended_subscription_is_not_revived_by_a_later_event() {
        assert!(of_state(&event(20), false) < of_state(&event(10), true));
    }

    #[test]
    fn a_decision_on_more_events_of_a_second_outranks_one_on_fewer_and_a_later_second_outranks_both() {
        let first = of_state(&event(10), false);
        let mut second = first.clone();
        revise(&mut second, next_revision(&first));
        assert_eq!(second, "0-000000000010.002");
        assert!(first < second && second < of_state(&event(11), false) && second < of_state(&event(10), true));
        assert_eq!(super::second(&second), Some(10));
    }

    #[test]
    fn the_empty_version_of_a_register_never_written_is_the_least_and_stays_empty() {
        assert!("" < of_mention(&event(0), "cus_1").as_str());
        let mut empty = String::new();
        revise(&mut empty, 7);
        assert_eq!(empty, "");
    }
}
