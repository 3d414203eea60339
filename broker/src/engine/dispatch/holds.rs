//! Lanes whose work a limit holds: when to look into them again. No I/O; the board has the lock.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::SLOW_POLL;
use crate::model::{Claims, ColonyKey, Lane};

/// The lanes that are held, by colony and executor type.
#[derive(Default)]
pub(in crate::engine) struct Holds {
    lanes: HashMap<ColonyKey, HashMap<String, Hold>>,
    moves: u64,
}

struct Hold {
    /// The earliest time for the next look.
    rested_at: Instant,
    /// A place may get free whenever a process of the colony moves.
    waits_for_place: bool,
    look_at: Instant,
}

impl Holds {
    /// How many processes have moved so far, to be told at the end of a look that begins now.
    pub(in crate::engine) fn moves(&self) -> u64 {
        self.moves
    }

    /// A look ended that began after so many moves. If a limit kept something from being given, it is looked again: when a rate
    /// lets the next start, and when a place may have become free, which may have been during the look. In any case after a
    /// while: no mistake in telling leaves work lying. Looks for a place have this pause between them.
    pub(in crate::engine) fn looked(
        &mut self,
        lane: &Lane,
        moves: u64,
        claims: &Claims,
        pause: Duration,
        now_ms: i64,
        now: Instant,
    ) {
        if !claims.is_held {
            self.forget(lane);
            return;
        }
        let by_rate = claims.next_start_ms.map(|next_ms| {
            Duration::from_millis(u64::try_from(next_ms.saturating_sub(now_ms)).unwrap_or(0)).min(SLOW_POLL)
        });
        let has_moved = claims.waits_for_place && self.moves != moves;
        let look_at = now + if has_moved { pause } else { by_rate.unwrap_or(SLOW_POLL) };
        let hold = Hold { rested_at: now + pause, waits_for_place: claims.waits_for_place, look_at };
        self.lanes.entry(lane.colony).or_default().insert(lane.executor_type.clone(), hold);
    }

    /// A process of the colony moved: its place may be free. True if there is something to look for earlier than was planned.
    pub(in crate::engine) fn moved(&mut self, colony: ColonyKey, now: Instant) -> bool {
        self.moves = self.moves.wrapping_add(1);
        let Some(lanes) = self.lanes.get_mut(&colony) else { return false };
        let mut is_earlier = false;
        for hold in lanes.values_mut().filter(|hold| hold.waits_for_place) {
            // A busy colony does not make the look-outs of one lane follow each other without a pause.
            let look_at = now.max(hold.rested_at);
            is_earlier |= look_at < hold.look_at;
            hold.look_at = hold.look_at.min(look_at);
        }
        is_earlier
    }

    /// When to look next.
    pub(in crate::engine) fn next(&self) -> Option<Instant> {
        self.lanes.values().flat_map(HashMap::values).map(|hold| hold.look_at).min()
    }

    /// The lanes to look into now. They are held no more until the look says so.
    pub(in crate::engine) fn due(&mut self, now: Instant) -> Vec<Lane> {
        let mut due = Vec::new();
        for (colony, lanes) in &mut self.lanes {
            let ready = lanes.extract_if(|_, hold| hold.look_at <= now);
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
    use crate::limits::HELD_LOOK_PAUSE;

    const COLONY: ColonyKey = ColonyKey(1);

    fn lane() -> Lane {
        Lane { colony: COLONY, executor_type: "t".into() }
    }

    fn by_place() -> Claims {
        Claims { is_held: true, waits_for_place: true, ..Claims::default() }
    }

    #[test]
    fn a_place_that_gets_free_is_looked_for_at_once_and_then_not_without_a_pause() {
        let (mut holds, now) = (Holds::default(), Instant::now());
        holds.looked(&lane(), holds.moves(), &by_place(), HELD_LOOK_PAUSE, 0, now);
        assert_eq!(holds.next(), Some(now + SLOW_POLL));
        let later = now + Duration::from_secs(1);
        assert!(holds.moved(COLONY, later));
        assert!(!holds.moved(ColonyKey(2), later), "of another colony");
        assert_eq!(holds.due(later), [lane()]);
        assert_eq!(holds.next(), None);
        holds.looked(&lane(), holds.moves(), &by_place(), HELD_LOOK_PAUSE, 0, later);
        assert!(holds.moved(COLONY, later));
        assert_eq!(holds.next(), Some(later + HELD_LOOK_PAUSE));
    }

    #[test]
    fn a_place_that_got_free_during_the_look_is_looked_for() {
        let (mut holds, now) = (Holds::default(), Instant::now());
        let moves = holds.moves();
        assert!(!holds.moved(COLONY, now), "nobody waits yet");
        holds.looked(&lane(), moves, &by_place(), HELD_LOOK_PAUSE, 0, now);
        assert_eq!(holds.next(), Some(now + HELD_LOOK_PAUSE));
    }

    #[test]
    fn a_rate_says_itself_when_to_look() {
        let (mut holds, now) = (Holds::default(), Instant::now());
        let claims = Claims { is_held: true, next_start_ms: Some(1300), ..Claims::default() };
        holds.looked(&lane(), 0, &claims, HELD_LOOK_PAUSE, 1000, now);
        assert!(!holds.moved(COLONY, now));
        assert_eq!(holds.next(), Some(now + Duration::from_millis(300)));
        holds.looked(&lane(), 0, &Claims::default(), HELD_LOOK_PAUSE, 1000, now);
        assert_eq!(holds.next(), None);
    }
}
