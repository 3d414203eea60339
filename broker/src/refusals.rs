//! Events that strangers can cause, gathered by their cause: refusals, and executors that ask for approval. However many there are, each cause
//! makes one event in an interval, with a count. Noting one costs a lock and some text; a task writes them later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::{Clock, Id};
use apiary_protocol::{EventKind, Reason};
use apiary_store::model::NewEvent;

use crate::Error;
use crate::limits::{
    REFUSAL_CAUSES_MAX, REFUSAL_CAUSES_PER_COLONY_MAX, REFUSAL_CAUSES_PER_PEER_MAX, REFUSAL_INTERVAL_MS,
    REFUSAL_OTHERS_MAX,
};

/// Events that wait to be written, gathered by cause.
pub(crate) struct Refusals {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

/// An event to write, and the colony that it names, known or not.
#[derive(Clone, Debug)]
pub(crate) struct DueEvent {
    /// The colony that the call names; `None` if it names none.
    pub(crate) colony: Option<Id>,
    /// The event, with its count.
    pub(crate) event: NewEvent,
}

/// The cause of an event.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Cause {
    colony: Option<Id>,
    kind: EventKind,
    method: String,
    key: Option<Id>,
    address: String,
}

/// The events of one cause since the last one that was taken.
struct Tally {
    first: NewEvent,
    count: i64,
    taken_ms: Option<i64>,
}

#[derive(Default)]
struct Table {
    causes: HashMap<Cause, Tally>,
    /// Causes without key, address and method, for what exceeds the bounds.
    others: HashMap<(Option<Id>, EventKind), Tally>,
    by_colony: HashMap<Option<Id>, usize>,
    by_address: HashMap<String, usize>,
    /// The number of events for which there was no room at all.
    dropped: u64,
}

/// Returns the kind of event that an error makes; `None` if the refusal is no matter of security. A key that is not permitted may be
/// unknown, revoked or expired: whoever writes the event finds out.
pub(crate) fn kind_of(error: &Error) -> Option<EventKind> {
    Some(match error.reason() {
        Reason::Unsigned | Reason::SignatureInvalid => EventKind::RefusedSignature,
        Reason::RequestStale | Reason::SubmitByOver => EventKind::RefusedTime,
        Reason::RequestReplayed => EventKind::RefusedReplay,
        Reason::NotPermitted => EventKind::RefusedScope,
        Reason::ColonyUnknown => EventKind::RefusedUnknownKey,
        Reason::Overloaded => EventKind::RefusedRate,
        Reason::TooLarge => EventKind::RefusedSize,
        // After a restart every client is told so once: it is no sign of an attack.
        Reason::BrokerUnknown => return None,
        _ => return None,
    })
}

impl Refusals {
    /// Returns an empty table.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Mutex::default() }
    }

    /// Notes an event of a call that names this colony. The first of each cause is kept as it is, the others are counted.
    pub(crate) fn note(&self, colony: Option<Id>, event: NewEvent) {
        let cause = Cause {
            colony,
            kind: event.kind,
            method: event.method.clone(),
            key: event.key,
            address: event.address.clone(),
        };
        self.lock().note(cause, event);
    }

    /// Takes the events that are due: those of a new cause at once, the others once their interval is over. Returns also the number of
    /// events for which there was no room.
    pub(crate) fn take(&self) -> (Vec<DueEvent>, u64) {
        let now_ms = self.clock.now_ms();
        let mut table = self.lock();
        (table.take(now_ms), std::mem::take(&mut table.dropped))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // It is changed in steps that cannot panic half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn note(&mut self, cause: Cause, event: NewEvent) {
        if let Some(tally) = self.causes.get_mut(&cause) {
            tally.count = tally.count.saturating_add(event.count);
            return;
        }
        let of_colony = self.by_colony.get(&cause.colony).copied().unwrap_or(0);
        let of_address = self.by_address.get(&cause.address).copied().unwrap_or(0);
        let has_room = self.causes.len() < REFUSAL_CAUSES_MAX
            && of_colony < REFUSAL_CAUSES_PER_COLONY_MAX
            && of_address < REFUSAL_CAUSES_PER_PEER_MAX;
        if has_room {
            *self.by_colony.entry(cause.colony).or_default() += 1;
            *self.by_address.entry(cause.address.clone()).or_default() += 1;
            self.causes.insert(cause, Tally { count: event.count, first: event, taken_ms: None });
            return;
        }
        let other = (cause.colony, cause.kind);
        let has_room = self.others.len() < REFUSAL_OTHERS_MAX;
        match self.others.get_mut(&other) {
            Some(tally) => tally.count = tally.count.saturating_add(event.count),
            None if has_room => {
                let first = NewEvent {
                    detail: "of many keys or addresses, which are not listed one by one".to_owned(),
                    reason: event.reason,
                    ..NewEvent::new(event.kind, event.time_ms)
                };
                self.others.insert(other, Tally { count: event.count, first, taken_ms: None });
            }
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }

    fn take(&mut self, now_ms: i64) -> Vec<DueEvent> {
        let mut due = Vec::new();
        let Self { causes, others, by_colony, by_address, .. } = self;
        causes.retain(|cause, tally| {
            let stays = tally.take(cause.colony, now_ms, &mut due);
            if !stays {
                release(by_colony, &cause.colony);
                release(by_address, &cause.address);
            }
            stays
        });
        others.retain(|(colony, _), tally| tally.take(*colony, now_ms, &mut due));
        due
    }
}

impl Tally {
    /// Adds the event to those that are due, if it is; false if nothing happened for an interval.
    fn take(&mut self, colony: Option<Id>, now_ms: i64, due: &mut Vec<DueEvent>) -> bool {
        // The wall clock may be set back: then it is due, too.
        let is_over =
            self.taken_ms.is_none_or(|taken_ms| now_ms.abs_diff(taken_ms) >= REFUSAL_INTERVAL_MS.unsigned_abs());
        if !is_over {
            return true;
        }
        if self.count == 0 {
            return false;
        }
        // The time of a later event is the end of its interval: that of the first is in the event before.
        let time_ms = if self.taken_ms.is_some() { now_ms } else { self.first.time_ms };
        due.push(DueEvent { colony, event: NewEvent { count: self.count, time_ms, ..self.first.clone() } });
        (self.count, self.taken_ms) = (0, Some(now_ms));
        true
    }
}

fn release<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::{KeyPair, ManualClock};
    use jiff::Timestamp;

    use super::*;

    fn refusals() -> (Refusals, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_000_000).unwrap()));
        (Refusals::new(clock.clone()), clock)
    }

    fn refusal(key: Id, address: &str) -> NewEvent {
        NewEvent {
            key: Some(key),
            address: address.to_owned(),
            ..NewEvent::new(EventKind::RefusedSignature, 1_000_000_000)
        }
    }

    #[test]
    fn a_flood_makes_one_event_for_each_cause_and_minute() {
        let (refusals, clock) = refusals();
        let (colony, one, other) = (KeyPair::generate().id(), KeyPair::generate().id(), KeyPair::generate().id());
        let counts = || {
            let mut counts: Vec<_> = refusals.take().0.iter().map(|due| due.event.count).collect();
            counts.sort_unstable();
            counts
        };
        refusals.note(Some(colony), refusal(one, "a"));
        assert_eq!(counts(), [1], "the first is told at once");
        for _ in 0..1000 {
            refusals.note(Some(colony), refusal(one, "a"));
        }
        refusals.note(Some(colony), refusal(other, "a"));
        assert_eq!(counts(), [1], "another cause is told at once, the flood is not told again");
        clock.advance(Duration::from_millis(REFUSAL_INTERVAL_MS.unsigned_abs()));
        assert_eq!(counts(), [1000]);
        clock.advance(Duration::from_millis(REFUSAL_INTERVAL_MS.unsigned_abs()));
        assert_eq!(counts(), [0; 0]);
        let table = refusals.lock();
        assert!(table.causes.is_empty() && table.by_colony.is_empty() && table.by_address.is_empty());
    }

    #[test]
    fn strangers_take_no_more_room_than_they_have() {
        let (refusals, _) = refusals();
        for number in 0..5000 {
            // Keys and colonies cost an attacker nothing; addresses do.
            let address = format!("address {}", number % 100);
            refusals.note(Some(KeyPair::generate().id()), refusal(KeyPair::generate().id(), &address));
        }
        let table = refusals.lock();
        assert_eq!((table.causes.len(), table.others.len()), (REFUSAL_CAUSES_MAX, REFUSAL_OTHERS_MAX));
        let kept = u64::try_from(REFUSAL_CAUSES_MAX + REFUSAL_OTHERS_MAX).unwrap();
        assert_eq!(table.dropped, 5000 - kept);
    }

    #[test]
    fn a_colony_gets_few_rows_whoever_attacks_it() {
        let (refusals, _) = refusals();
        let colony = KeyPair::generate().id();
        for number in 0..1000 {
            refusals.note(Some(colony), refusal(KeyPair::generate().id(), &format!("address {number}")));
        }
        let (due, dropped) = refusals.take();
        assert_eq!((due.len(), dropped), (REFUSAL_CAUSES_PER_COLONY_MAX + 1, 0));
        assert_eq!(due.iter().map(|due| due.event.count).sum::<i64>(), 1000, "every one is counted");
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let (refusals, _) = refusals();
        for _ in 0..5000 {
            refusals.note(Some(KeyPair::generate().id()), refusal(KeyPair::generate().id(), "loud"));
        }
        let colony = KeyPair::generate().id();
        refusals.note(Some(colony), refusal(KeyPair::generate().id(), "quiet"));
        let (due, _) = refusals.take();
        assert!(due.iter().any(|due| due.colony == Some(colony) && due.event.address == "quiet"));
    }
}
