//! Passes that other commits make: that of new work, which is handed over, and that of results, which claims as well.

use apiary_store::model::{ClaimSlot, Lane};
use tokio::time::Instant;

use super::{Pass, PollQueue, PollResult};
use crate::engine::dispatch::empty_lanes::LaneKnowledge;

impl PollQueue {
    /// Reserves polls for so many processes that are about to be stored in this lane. `None` unless polls wait there and nothing else does,
    /// as far as is known, because that would be overtaken. The pass ends like any other, with [`end_pass`](Self::end_pass).
    pub(in crate::engine) fn begin_hand_over(&mut self, lane: &Lane, count: usize) -> Option<Pass> {
        let lane_polls = self.lanes.get_mut(lane)?;
        if lane_polls.passing || lane_polls.queued || lane_polls.woken || !self.empty.has(lane) {
            return None;
        }
        let now = Instant::now();
        let (mut ids, mut slots, mut room) = (Vec::new(), Vec::new(), count);
        for (id, poll) in &mut lane_polls.polls {
            if room == 0 {
                break;
            }
            if poll.is_last || self.empty.knowledge(lane, &poll.slot, now) != LaneKnowledge::Empty {
                continue;
            }
            poll.passing = true;
            ids.push(*id);
            slots.push(ClaimSlot { count: poll.slot.count.min(room), ..poll.slot.clone() });
            room -= poll.slot.count.min(room);
        }
        if ids.is_empty() {
            return None;
        }
        lane_polls.passing = true;
        Some(Pass { lane: lane.clone(), ids, slots, moves: self.limited.moves(), is_turn: false, began: now })
    }

    /// Returns true if a commit may make a pass over this lane: none is under way, and the lane does not take turns with others.
    pub(in crate::engine) fn is_free(&self, lane: &Lane) -> bool {
        let (is_passing, is_uncounted) =
            self.lanes.get(lane).map_or((false, false), |polls| (polls.passing, polls.is_uncounted));
        !is_passing && (is_uncounted || !self.turns.are_for(lane.colony))
    }

    /// Begins a pass over a lane that [is free](Self::is_free) outside of its turn, for a commit that claims as well. `None` if no poll is due.
    pub(in crate::engine) fn begin_at_once(&mut self, lane: &Lane) -> Option<Pass> {
        let lane_polls = self.lanes.get_mut(lane)?;
        if std::mem::take(&mut lane_polls.queued) {
            self.due.retain(|due| due != lane);
        }
        let (ids, slots) = lane_polls.choose();
        if ids.is_empty() {
            return None;
        }
        lane_polls.passing = true;
        let (moves, began) = (self.limited.moves(), Instant::now());
        Some(Pass { lane: lane.clone(), ids, slots, moves, is_turn: false, began })
    }

    /// Leaves a pass without a claim: the polls with these numbers are answered with nothing, the others wait for the next pass.
    pub(in crate::engine) fn leave_pass(&mut self, pass: &Pass, answered: &[u64]) {
        for id in &pass.ids {
            if let Some(poll) = self.poll(&pass.lane, *id) {
                poll.passing = false;
            }
        }
        for id in answered {
            if let Some(poll) = self.remove(&pass.lane, *id) {
                let _ = poll.reply.send(Ok(PollResult::default()));
            }
        }
        self.resume(pass);
    }

    /// Returns true if nothing waits in a lane, as far as a claim of this kind can know.
    pub(in crate::engine) fn is_known_empty(&self, lane: &Lane, slot: &ClaimSlot) -> bool {
        self.empty.knowledge(lane, slot, Instant::now()) == LaneKnowledge::Empty
    }
}
