//! Events that strangers can cause, gathered by their cause: refusals, and executors that ask for approval. However many there are, each cause
//! makes one event in an interval, with a count. Noting one costs a lock and some text; a task writes them later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_identity::{Clock, Id};
use apiary_protocol::{EventKind, Reason};
use apiary_store::model::NewEvent;

use crate::Error;
use crate::limits::{
    REFUSAL_CAUSES_MAX, REFUSAL_CAUSES_PER_COLONY_MAX, REFUSAL_CAUSES_PER_PEER_AND_COLONY_MAX,
    REFUSAL_CAUSES_PER_PEER_MAX, REFUSAL_CLAIMED_MAX, REFUSAL_CLAIMED_PER_PEER_MAX, REFUSAL_INTERVAL_MS,
};

/// Events that wait to be written, gathered by cause.
pub(crate) struct Refusals {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

/// The colony that a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A colony of this broker.
    Known(Id),
    /// None, or one that this broker may not have. Whoever makes up keys can name any number of them.
    Claimed(Option<Id>),
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
    /// The function that a key with proof asked for: whoever tries one after another is told as such.
    function: String,
    key: Option<Id>,
    address: String,
}

/// The events of one cause since the last one that was taken.
struct Tally {
    first: NewEvent,
    count: i64,
    taken_ms: Option<i64>,
}

/// Causes that are told apart, within bounds.
struct Causes {
    bounds: Bounds,
    tallies: HashMap<Cause, Tally>,
    by_colony: HashMap<Option<Id>, usize>,
    by_address: HashMap<String, usize>,
    by_both: HashMap<(Option<Id>, String), usize>,
}

/// The most causes that are told apart.
struct Bounds {
    all: usize,
    of_colony: usize,
    of_address: usize,
    of_both: usize,
}

struct Table {
    /// The causes that name a known colony.
    known: Causes,
    /// Causes that name no colony, or one that may be made up. They have a few places of their own.
    claimed: Causes,
    /// Causes without key, address and method, for what exceeds the bounds of known colonies: as many as these have kinds.
    others: HashMap<(Id, EventKind), Tally>,
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
        // Among them `BrokerUnknown`: after a restart every client is told so once, which is no sign of an attack.
        _ => return None,
    })
}

impl Refusals {
    /// Returns an empty table.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Mutex::new(Table::new()) }
    }

    /// Notes an event of a call that names this colony. The first of each cause is kept as it is, the others are counted.
    pub(crate) fn note(&self, colony: Named, event: NewEvent) {
        // Within bounds, because a stranger chooses the text.
        let event = event.bounded();
        self.lock().note(colony, event);
    }

    /// Takes the events that are due: those of a new cause at once, the others once their interval is over. Returns also the number of
    /// events for which there was no room.
    pub(crate) fn take(&self) -> (Vec<DueEvent>, u64) {
        self.lock().take(self.clock.now_ms(), false)
    }

    /// Takes every event, due or not: the broker stops.
    pub(crate) fn take_all(&self) -> (Vec<DueEvent>, u64) {
        self.lock().take(self.clock.now_ms(), true)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // It is changed in steps that cannot panic half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn new() -> Self {
        let known = Bounds {
            all: REFUSAL_CAUSES_MAX,
            of_colony: REFUSAL_CAUSES_PER_COLONY_MAX,
            of_address: REFUSAL_CAUSES_PER_PEER_MAX,
            of_both: REFUSAL_CAUSES_PER_PEER_AND_COLONY_MAX,
        };
        let claimed = Bounds {
            all: REFUSAL_CLAIMED_MAX,
            of_colony: REFUSAL_CAUSES_PER_COLONY_MAX,
            of_address: REFUSAL_CLAIMED_PER_PEER_MAX,
            of_both: REFUSAL_CLAIMED_PER_PEER_MAX,
        };
        Self { known: Causes::new(known), claimed: Causes::new(claimed), others: HashMap::new(), dropped: 0 }
    }

    fn note(&mut self, colony: Named, event: NewEvent) {
        let of = |colony| Cause {
            colony,
            kind: event.kind,
            method: event.method.clone(),
            function: event.function.clone(),
            key: event.key,
            address: event.address.clone(),
        };
        match colony {
            Named::Claimed(id) => {
                if self.claimed.note(of(id), event).is_err() {
                    self.dropped = self.dropped.saturating_add(1);
                }
            }
            Named::Known(id) => {
                if let Err(event) = self.known.note(of(Some(id)), event) {
                    let other = self.others.entry((id, event.kind)).or_insert_with(|| Tally::of_many(&event));
                    other.count = other.count.saturating_add(event.count);
                }
            }
        }
    }

    fn take(&mut self, now_ms: i64, all: bool) -> (Vec<DueEvent>, u64) {
        let mut due = Vec::new();
        self.known.take(now_ms, all, &mut due);
        self.claimed.take(now_ms, all, &mut due);
        self.others.retain(|(colony, _), tally| tally.take(Some(*colony), now_ms, all, &mut due));
        (due, std::mem::take(&mut self.dropped))
    }
}

impl Causes {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            tallies: HashMap::new(),
            by_colony: HashMap::new(),
            by_address: HashMap::new(),
            by_both: HashMap::new(),
        }
    }

    /// Counts an event of this cause; gives it back if there is no room for a new cause.
    fn note(&mut self, cause: Cause, event: NewEvent) -> Result<(), NewEvent> {
        if let Some(tally) = self.tallies.get_mut(&cause) {
            tally.count = tally.count.saturating_add(event.count);
            return Ok(());
        }
        let both = (cause.colony, cause.address.clone());
        let has_room = self.tallies.len() < self.bounds.all
            && self.by_colony.get(&cause.colony).is_none_or(|count| *count < self.bounds.of_colony)
            && self.by_address.get(&cause.address).is_none_or(|count| *count < self.bounds.of_address)
            && self.by_both.get(&both).is_none_or(|count| *count < self.bounds.of_both);
        if !has_room {
            return Err(event);
        }
        *self.by_colony.entry(cause.colony).or_default() += 1;
        *self.by_address.entry(cause.address.clone()).or_default() += 1;
        *self.by_both.entry(both).or_default() += 1;
        self.tallies.insert(cause, Tally { count: event.count, first: event, taken_ms: None });
        Ok(())
    }

    fn take(&mut self, now_ms: i64, all: bool, due: &mut Vec<DueEvent>) {
        let Self { tallies, by_colony, by_address, by_both, .. } = self;
        tallies.retain(|cause, tally| {
            let stays = tally.take(cause.colony, now_ms, all, due);
            if !stays {
                release(by_colony, &cause.colony);
                release(by_address, &cause.address);
                release(by_both, &(cause.colony, cause.address.clone()));
            }
            stays
        });
    }
}

impl Tally {
    /// Returns an empty tally of events like this one, of whichever key and address.
    fn of_many(event: &NewEvent) -> Self {
        let first = NewEvent {
            detail: "of many keys or addresses, which are not listed one by one".to_owned(),
            reason: event.reason.clone(),
            ..NewEvent::new(event.kind, event.time_ms)
        };
        Self { first, count: 0, taken_ms: None }
    }

    /// Adds the event to those that are due, if it is, or if `all` are; false if nothing happened for an interval.
    fn take(&mut self, colony: Option<Id>, now_ms: i64, all: bool, due: &mut Vec<DueEvent>) -> bool {
        // The wall clock may be set back: then it is due, too.
        let is_over =
            self.taken_ms.is_none_or(|taken_ms| now_ms.abs_diff(taken_ms) >= REFUSAL_INTERVAL_MS.unsigned_abs());
        if !is_over && !all {
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
        refusals.note(Named::Known(colony), refusal(one, "a"));
        assert_eq!(counts(), [1], "the first is told at once");
        for _ in 0..1000 {
            refusals.note(Named::Known(colony), refusal(one, "a"));
        }
        refusals.note(Named::Known(colony), refusal(other, "a"));
        assert_eq!(counts(), [1], "another cause is told at once, the flood is not told again");
        clock.advance(Duration::from_millis(REFUSAL_INTERVAL_MS.unsigned_abs()));
        assert_eq!(counts(), [1000]);
        clock.advance(Duration::from_millis(REFUSAL_INTERVAL_MS.unsigned_abs()));
        assert_eq!(counts(), [0; 0]);
        let table = refusals.lock();
        let Causes { tallies, by_colony, by_address, by_both, .. } = &table.known;
        assert!(tallies.is_empty() && by_colony.is_empty() && by_address.is_empty() && by_both.is_empty());
    }

    #[test]
    fn the_last_look_takes_what_is_not_due() {
        let (refusals, _) = refusals();
        let (colony, key) = (KeyPair::generate().id(), KeyPair::generate().id());
        for _ in 0..3 {
            refusals.note(Named::Known(colony), refusal(key, "a"));
            refusals.take();
        }
        let counts: Vec<_> = refusals.take_all().0.iter().map(|due| due.event.count).collect();
        assert_eq!(counts, [2]);
        assert!(refusals.take_all().0.is_empty());
    }

    #[test]
    fn strangers_take_no_more_room_than_they_have() {
        let (refusals, _) = refusals();
        for number in 0..5000 {
            // Keys and colonies cost an attacker nothing; addresses do.
            let address = format!("address {}", number % 100);
            refusals.note(Named::Claimed(Some(KeyPair::generate().id())), refusal(KeyPair::generate().id(), &address));
        }
        let table = refusals.lock();
        assert_eq!((table.claimed.tallies.len(), table.known.tallies.len()), (REFUSAL_CLAIMED_MAX, 0));
        assert!(table.others.is_empty());
        assert_eq!(table.dropped, 5000 - u64::try_from(REFUSAL_CLAIMED_MAX).unwrap());
    }

    #[test]
    fn one_address_does_not_blind_a_colony() {
        let (refusals, _) = refusals();
        let colony = KeyPair::generate().id();
        for _ in 0..1000 {
            refusals.note(Named::Known(colony), refusal(KeyPair::generate().id(), "loud"));
            refusals.note(Named::Claimed(Some(KeyPair::generate().id())), refusal(KeyPair::generate().id(), "loud"));
        }
        let quiet = KeyPair::generate().id();
        refusals.note(Named::Known(colony), refusal(quiet, "quiet"));
        refusals.note(Named::Claimed(None), refusal(quiet, "quiet"));
        let (due, dropped) = refusals.take();
        assert_eq!(due.iter().filter(|due| due.event.key == Some(quiet)).count(), 2, "both are told by name");
        let of_colony = due.iter().filter(|due| due.colony == Some(colony)).map(|due| due.event.count);
        assert_eq!(of_colony.sum::<i64>(), 1001, "what names a known colony is counted in any case");
        assert_eq!(dropped, 1000 - u64::try_from(REFUSAL_CLAIMED_PER_PEER_MAX).unwrap());
    }

    #[test]
    fn functions_that_are_tried_in_turn_are_told_apart() {
        let (refusals, _) = refusals();
        let (colony, key) = (KeyPair::generate().id(), KeyPair::generate().id());
        for number in 0..20 {
            let one = NewEvent { function: format!("charge.{number}"), ..refusal(key, "a") };
            refusals.note(Named::Known(colony), one);
        }
        let (due, dropped) = refusals.take();
        assert_eq!((due.len(), dropped), (REFUSAL_CAUSES_PER_PEER_AND_COLONY_MAX + 1, 0));
        assert_eq!(due.iter().map(|due| due.event.count).sum::<i64>(), 20, "every one is counted");
    }

    #[test]
    fn a_colony_gets_few_rows_whoever_attacks_it() {
        let (refusals, _) = refusals();
        let colony = KeyPair::generate().id();
        for number in 0..1000 {
            refusals.note(Named::Known(colony), refusal(KeyPair::generate().id(), &format!("address {number}")));
        }
        let (due, dropped) = refusals.take();
        assert_eq!((due.len(), dropped), (REFUSAL_CAUSES_PER_COLONY_MAX + 1, 0));
        assert_eq!(due.iter().map(|due| due.event.count).sum::<i64>(), 1000, "every one is counted");
    }
}
