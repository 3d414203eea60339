//! Lanes in which nothing waits: a poll that comes to such a lane waits for work without a pass. No I/O; the dispatcher holds the lock.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_identity::Offer;
use apiary_store::model::{ClaimResult, ClaimSlot, ColonyKey, GrantKey, Lane};
use tokio::time::Instant;

use crate::limits::{EMPTY_LANE_AGE_MAX, EMPTY_LANES_POLLERS_MAX};

/// Lanes that a pass found empty, until work may have come.
#[derive(Default)]
pub(in crate::engine) struct EmptyLanes {
    lanes: HashMap<Lane, EmptyLane>,
    /// The number of pollers of all lanes.
    pollers: usize,
}

struct EmptyLane {
    since: Instant,
    /// Executors that polled when the lane was empty, by the first of their grants. Any other needs a pass, which also finds out if it
    /// is being drained.
    pollers: HashMap<GrantKey, Poller>,
}

/// Grants and offer of an executor's poll: a poll that differs in either needs a pass.
struct Poller {
    grants: Vec<GrantKey>,
    offer: Arc<Offer>,
}

/// Knowledge of a lane, for a poll that was just added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum LaneKnowledge {
    /// Nothing is known: the poll needs a pass.
    Unknown,
    /// Nothing waits in it.
    Empty,
    /// Nothing waited in it, but that was found too long ago: all its polls need a pass, in case a wake-up got lost.
    Stale,
}

impl EmptyLanes {
    /// Notes the pollers of a pass that found the lane empty.
    pub(in crate::engine) fn note(&mut self, lane: &Lane, slots: &[ClaimSlot], claims: &ClaimResult, now: Instant) {
        let undrained = slots.iter().enumerate().filter(|(index, _)| !claims.drained.contains(index));
        for (first, slot) in undrained.filter_map(|(_, slot)| Some((slot.grants.first()?.key, slot))) {
            // Nothing is added beyond the bound, not even a lane; the price is a pass for the next poll.
            if self.pollers >= EMPTY_LANES_POLLERS_MAX {
                return;
            }
            let new = || EmptyLane { since: now, pollers: HashMap::new() };
            let empty = self.lanes.entry(lane.clone()).or_insert_with(new);
            let grants = slot.grants.iter().map(|grant| grant.key).collect();
            let before = empty.pollers.insert(first, Poller { grants, offer: slot.offer.clone() });
            self.pollers += usize::from(before.is_none());
        }
    }

    /// Returns true if anything is known of the lane.
    pub(in crate::engine) fn has(&self, lane: &Lane) -> bool {
        self.lanes.contains_key(lane)
    }

    /// Returns what is known of the lane for a poll.
    pub(in crate::engine) fn knowledge(&self, lane: &Lane, slot: &ClaimSlot, now: Instant) -> LaneKnowledge {
        let Some(empty) = self.lanes.get(lane) else { return LaneKnowledge::Unknown };
        if now.saturating_duration_since(empty.since) > EMPTY_LANE_AGE_MAX {
            return LaneKnowledge::Stale;
        }
        let known = slot.grants.first().and_then(|first| empty.pollers.get(&first.key));
        match known.is_some_and(|poller| poller.is_same(slot)) {
            true => LaneKnowledge::Empty,
            false => LaneKnowledge::Unknown,
        }
    }

    /// Forgets a lane: work may have come.
    pub(in crate::engine) fn forget(&mut self, lane: &Lane) {
        if let Some(empty) = self.lanes.remove(lane) {
            self.pollers -= empty.pollers.len();
        }
    }

    /// Forgets all lanes but these.
    pub(in crate::engine) fn keep(&mut self, is_kept: impl Fn(&Lane) -> bool) {
        self.lanes.retain(|lane, _| is_kept(lane));
        self.pollers = self.lanes.values().map(|empty| empty.pollers.len()).sum();
    }

    /// Forgets the lanes of a colony.
    pub(in crate::engine) fn forget_colony(&mut self, colony: ColonyKey) {
        self.keep(|lane| lane.colony != colony);
    }
}

impl Poller {
    fn is_same(&self, slot: &ClaimSlot) -> bool {
        self.grants.iter().eq(slot.grants.iter().map(|grant| &grant.key))
            && (Arc::ptr_eq(&self.offer, &slot.offer) || self.offer == slot.offer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apiary_identity::Scopes;
    use apiary_store::model::SlotGrant;

    use super::*;

    fn lane(colony: i64) -> Lane {
        Lane { colony: ColonyKey(colony), executor_type: "t".into() }
    }

    fn slot(keys: &[i64]) -> ClaimSlot {
        let grant = |key: &i64| SlotGrant { key: GrantKey(*key), name: "bee".into(), scopes: Scopes::default() };
        let offer = Arc::new(Offer::default());
        ClaimSlot { grants: keys.iter().map(grant).collect(), offer, count: 1, lease_ms: 1000, instance: None }
    }

    fn note(empty: &mut EmptyLanes, lane: &Lane, slots: &[ClaimSlot], now: Instant) {
        empty.note(lane, slots, &ClaimResult { drained: vec![1], ..ClaimResult::default() }, now);
    }

    #[test]
    fn an_empty_lane_is_known_to_those_who_polled_it_and_were_not_drained() {
        let (mut empty, now) = (EmptyLanes::default(), Instant::now());
        note(&mut empty, &lane(1), &[slot(&[1, 2]), slot(&[3])], now);
        let knowledge = |keys: &[i64]| empty.knowledge(&lane(1), &slot(keys), now);
        assert_eq!(knowledge(&[1, 2]), LaneKnowledge::Empty);
        assert_eq!([knowledge(&[1]), knowledge(&[3]), knowledge(&[])], [LaneKnowledge::Unknown; 3]);
        assert_eq!(empty.knowledge(&lane(2), &slot(&[1, 2]), now), LaneKnowledge::Unknown);
        let later = now + EMPTY_LANE_AGE_MAX + Duration::from_millis(1);
        assert_eq!(empty.knowledge(&lane(1), &slot(&[1, 2]), later), LaneKnowledge::Stale);
    }

    #[test]
    fn what_is_forgotten_makes_room() {
        let (mut empty, now) = (EmptyLanes::default(), Instant::now());
        let slots: Vec<_> = (0..i64::try_from(EMPTY_LANES_POLLERS_MAX).unwrap() + 2).map(|key| slot(&[key])).collect();
        note(&mut empty, &lane(1), &slots, now);
        note(&mut empty, &lane(2), &slots, now);
        assert_eq!(empty.pollers, EMPTY_LANES_POLLERS_MAX);
        assert_eq!(empty.knowledge(&lane(2), &slots[0], now), LaneKnowledge::Unknown);
        empty.forget_colony(ColonyKey(1));
        assert_eq!(empty.pollers, 0);
        note(&mut empty, &lane(2), &slots[..1], now);
        assert_eq!(empty.knowledge(&lane(2), &slots[0], now), LaneKnowledge::Empty);
        empty.forget(&lane(2));
        assert_eq!((empty.pollers, empty.knowledge(&lane(2), &slots[0], now)), (0, LaneKnowledge::Unknown));
    }
}
