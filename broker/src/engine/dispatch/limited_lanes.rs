//! Lanes in which limits hold back work, and the time of each one's next pass. No I/O; the dispatcher holds the lock.

use std::collections::HashMap;
use std::time::Duration;

use apiary_store::model::{ClaimResult, ColonyKey, Lane};
use tokio::time::Instant;

/// Lanes in which limits hold back work, by colony and executor type.
#[derive(Default)]
pub(in crate::engine) struct LimitedLanes {
    lanes: HashMap<ColonyKey, HashMap<String, LimitedLane>>,
    moves: u64,
}

struct LimitedLane {
    /// The earliest time for the next pass.
    rested_at: Instant,
    /// True if any state change in the colony may free a place.
    waits_for_running: bool,
    due_at: Instant,
}

/// Pauses between two passes of a lane in which limits hold back work.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Pauses {
    pub(in crate::engine) shortest: Duration,
    pub(in crate::engine) longest: Duration,
}

impl LimitedLanes {
    /// Returns the number of state changes so far; a pass takes it at its begin, for [`pass_ended`](Self::pass_ended).
    pub(in crate::engine) fn moves(&self) -> u64 {
        self.moves
    }

    /// Plans a lane after a pass that began at this number of state changes. If a limit held back work, the lane is due again when a rate
    /// allows the next start, and when a place may have become free, which may have happened during the pass. It is due after
    /// the longest pause in any case, so that a lost hint delays work but never stops it. Passes for a place have the shortest between them.
    pub(in crate::engine) fn pass_ended(
        &mut self,
        lane: &Lane,
        moves: u64,
        claims: &ClaimResult,
        pauses: Pauses,
        now_ms: i64,
        now: Instant,
    ) {
        if !claims.hit_limit {
            self.forget(lane);
            return;
        }
        let Pauses { shortest, longest } = pauses;
        let by_rate = claims.next_start_ms.map(|next_ms| {
            Duration::from_millis(u64::try_from(next_ms.saturating_sub(now_ms)).unwrap_or(0)).min(longest)
        });
        // A place that became free during the pass was not seen by it, and no further state change may come.
        let has_moved = claims.waits_for_running && self.moves != moves;
        let due_at = now + if has_moved { shortest } else { by_rate.unwrap_or(longest) };
        let limited = LimitedLane { rested_at: now + shortest, waits_for_running: claims.waits_for_running, due_at };
        self.lanes.entry(lane.colony).or_default().insert(lane.executor_type.clone(), limited);
    }

    /// Notes that a process of the colony changed state: its place may be free. Returns true if a lane is due earlier than planned.
    pub(in crate::engine) fn moved(&mut self, colony: ColonyKey, now: Instant) -> bool {
        self.moves = self.moves.wrapping_add(1);
        let Some(lanes) = self.lanes.get_mut(&colony) else { return false };
        let mut is_earlier = false;
        for lane in lanes.values_mut().filter(|lane| lane.waits_for_running) {
            // A busy colony must not make the passes of one lane follow each other without a pause.
            let due_at = now.max(lane.rested_at);
            is_earlier |= due_at < lane.due_at;
            lane.due_at = lane.due_at.min(due_at);
        }
        is_earlier
    }

    /// Returns the time at which the next lane is due.
    pub(in crate::engine) fn next(&self) -> Option<Instant> {
        self.lanes.values().flat_map(HashMap::values).map(|lane| lane.due_at).min()
    }

    /// Removes and returns the lanes that are due now. The next pass adds a lane again if it is still limited.
    pub(in crate::engine) fn due(&mut self, now: Instant) -> Vec<Lane> {
        let mut due = Vec::new();
        for (colony, lanes) in &mut self.lanes {
            // Removed, because the pass itself may find that nothing is limited any more.
            let ready = lanes.extract_if(|_, lane| lane.due_at <= now);
            due.extend(ready.map(|(executor_type, _)| Lane { colony: *colony, executor_type }));
        }
        self.lanes.retain(|_, lanes| !lanes.is_empty());
        due
    }

    fn forget(&mut self, lane: &Lane) {
        if let Some(lanes) = self.lanes.get_mut(&lane.colony) {
            lanes.remove(&lane.executor_type);
            if lanes.is_empty() {
                self.lanes.remove(&lane.colony);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LIMITED_PASS_PAUSE, LOOK_INTERVAL};

    const PAUSES: Pauses = Pauses { shortest: LIMITED_PASS_PAUSE, longest: LOOK_INTERVAL };
    const COLONY: ColonyKey = ColonyKey(1);

    fn lane() -> Lane {
        Lane { colony: COLONY, executor_type: "t".into() }
    }

    fn by_place() -> ClaimResult {
        ClaimResult { hit_limit: true, waits_for_running: true, ..ClaimResult::default() }
    }

    #[test]
    fn a_place_that_gets_free_makes_its_lane_due_at_once_and_then_not_without_a_pause() {
        let (mut limited, now) = (LimitedLanes::default(), Instant::now());
        limited.pass_ended(&lane(), limited.moves(), &by_place(), PAUSES, 0, now);
        assert_eq!(limited.next(), Some(now + LOOK_INTERVAL));
        let later = now + Duration::from_secs(1);
        assert!(limited.moved(COLONY, later));
        assert!(!limited.moved(ColonyKey(2), later), "of another colony");
        assert_eq!(limited.due(later), [lane()]);
        assert_eq!(limited.next(), None);
        limited.pass_ended(&lane(), limited.moves(), &by_place(), PAUSES, 0, later);
        assert!(limited.moved(COLONY, later));
        assert_eq!(limited.next(), Some(later + LIMITED_PASS_PAUSE));
    }

    #[test]
    fn a_place_that_got_free_during_the_pass_makes_its_lane_due() {
        let (mut limited, now) = (LimitedLanes::default(), Instant::now());
        let moves = limited.moves();
        assert!(!limited.moved(COLONY, now), "nobody waits yet");
        limited.pass_ended(&lane(), moves, &by_place(), PAUSES, 0, now);
        assert_eq!(limited.next(), Some(now + LIMITED_PASS_PAUSE));
    }

    #[test]
    fn a_rate_says_itself_when_its_lane_is_due() {
        let (mut limited, now) = (LimitedLanes::default(), Instant::now());
        let claims = ClaimResult { hit_limit: true, next_start_ms: Some(1300), ..ClaimResult::default() };
        limited.pass_ended(&lane(), 0, &claims, PAUSES, 1000, now);
        assert!(!limited.moved(COLONY, now));
        assert_eq!(limited.next(), Some(now + Duration::from_millis(300)));
        limited.pass_ended(&lane(), 0, &ClaimResult::default(), PAUSES, 1000, now);
        assert_eq!(limited.next(), None);
    }
}
