//! Waiting polls, grouped by lane: the choice of polls for the next pass, and the distribution of what it found. No I/O; the dispatcher
//! holds the lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use apiary_store::limits::CLAIM_PASS_COUNT_MAX;
use apiary_store::model::{ClaimResult, ClaimSlot, ClaimedLease, ColonyKey, GrantKey, Lane, LeaseRef};
use tokio::sync::oneshot;
use tokio::time::Instant;

mod commits;

use crate::Error;
use crate::engine::dispatch::counting::CountingTurns;
use crate::engine::dispatch::empty_lanes::{EmptyLanes, LaneKnowledge};
use crate::engine::dispatch::limited_lanes::{LimitedLanes, Pauses};
use crate::hearing::Hearing;
use crate::limits::{CLAIM_PASS_POLLS_MAX, CLAIM_PASSES_PER_POLL_MAX, LIMITED_PASS_PAUSE};

/// The answer to a poll.
pub(in crate::engine) type Reply = Result<PollResult, Error>;

/// The leases that a poll got.
#[derive(Debug, Default)]
pub(in crate::engine) struct PollResult {
    /// Leases, in the order of their processes; none if there was no work.
    pub(in crate::engine) claimed: Vec<ClaimedLease>,
    /// True if the executor is to take no new work.
    pub(in crate::engine) is_drained: bool,
}

/// Waiting polls, grouped by lane.
#[derive(Default)]
pub(in crate::engine) struct PollQueue {
    lanes: HashMap<Lane, LanePolls>,
    /// Lanes that are due for a pass, each once.
    pub(in crate::engine) due: VecDeque<Lane>,
    /// Leases whose callers went away, to be released.
    pub(in crate::engine) unheard: Vec<(Lane, Vec<LeaseRef>)>,
    pub(in crate::engine) polls: usize,
    last_id: u64,
    pub(in crate::engine) closed: bool,
    /// Lanes in which limits hold back work.
    limited: LimitedLanes,
    /// Lanes in which nothing waits.
    empty: EmptyLanes,
    /// While other brokers' hints do not arrive, no lane is known to be empty for longer than a pass.
    hearing: Hearing,
    /// Lanes that take turns, because their passes count limits.
    turns: CountingTurns,
}

#[derive(Default)]
struct LanePolls {
    /// True if the last pass counted no limits.
    is_uncounted: bool,
    /// The polls by number, which is the order of arrival.
    polls: BTreeMap<u64, Poll>,
    /// True if the lane is in the queue of lanes that are due.
    queued: bool,
    /// True if work may have come since the last pass began.
    woken: bool,
    /// True during a pass; there is never a second at the same time.
    passing: bool,
}

pub(in crate::engine) struct Poll {
    slot: ClaimSlot,
    reply: oneshot::Sender<Reply>,
    /// True if it took part in a pass since work last came.
    served: bool,
    /// The number of passes that it took part in.
    passes: u32,
    /// True if it takes part in the pass under way.
    pub(in crate::engine) passing: bool,
    /// True if it must be answered after the next pass that reaches the lane's end, even with nothing.
    pub(in crate::engine) is_last: bool,
}

/// A claim from one lane, for some of its polls.
pub(in crate::engine) struct Pass {
    pub(in crate::engine) lane: Lane,
    pub(in crate::engine) ids: Vec<u64>,
    pub(in crate::engine) slots: Vec<ClaimSlot>,
    /// The number of state changes when it began.
    moves: u64,
    /// True if the lane takes turns with others of the colony.
    is_turn: bool,
    began: Instant,
}

impl PollQueue {
    /// Returns a queue without polls.
    pub(in crate::engine) fn new(hearing: Hearing) -> Self {
        Self { hearing, ..Self::default() }
    }

    /// Returns the interval at which other brokers' work is looked for.
    pub(in crate::engine) fn look_interval(&self) -> Duration {
        self.hearing.interval()
    }

    /// Adds a poll; returns its number. It is due for a pass, unless it may wait for work and its lane is known to be empty: then it
    /// counts as served, as it would be after a pass that found nothing.
    pub(in crate::engine) fn add(
        &mut self,
        lane: &Lane,
        slot: ClaimSlot,
        reply: oneshot::Sender<Reply>,
        is_last: bool,
    ) -> u64 {
        self.last_id += 1;
        self.polls += 1;
        let id = self.last_id;
        let knowledge = match is_last {
            // A caller that does not wait must get the work that is there, even if every wake-up got lost.
            true => LaneKnowledge::Unknown,
            false => self.empty.knowledge(lane, &slot, Instant::now()),
        };
        let served = knowledge == LaneKnowledge::Empty;
        let poll = Poll { slot, reply, served, passes: 0, passing: false, is_last };
        self.lanes.entry(lane.clone()).or_default().polls.insert(id, poll);
        match knowledge {
            LaneKnowledge::Empty => {}
            LaneKnowledge::Unknown => self.enqueue(lane),
            // One pass for all polls of the lane, instead of one for each when it comes again.
            LaneKnowledge::Stale => _ = self.mark(lane),
        }
        id
    }

    /// Notes that work may have come: every poll of the lane is due for a pass. Returns true if any poll waits there.
    pub(in crate::engine) fn mark(&mut self, lane: &Lane) -> bool {
        self.empty.forget(lane);
        let Some(lane_polls) = self.lanes.get_mut(lane) else { return false };
        lane_polls.woken = true;
        self.enqueue(lane);
        true
    }

    /// Puts a lane into the queue, once. A lane whose pass is under way comes back at its end.
    pub(in crate::engine) fn enqueue(&mut self, lane: &Lane) {
        if let Some(lane_polls) = self.lanes.get_mut(lane)
            && !lane_polls.passing
            && !std::mem::replace(&mut lane_polls.queued, true)
        {
            self.due.push_back(lane.clone());
        }
    }

    /// Notes that a process of this colony changed state: a place under a limit may be free. Returns true if a pass is due earlier for it.
    pub(in crate::engine) fn moved(&mut self, colony: ColonyKey) -> bool {
        self.limited.moved(colony, Instant::now())
    }

    /// Returns the time at which a lane with limited work is due.
    pub(in crate::engine) fn limited_due_at(&self) -> Option<Instant> {
        self.limited.next()
    }

    /// Marks the lanes with limited work that are due.
    pub(in crate::engine) fn mark_limited(&mut self) {
        for lane in self.limited.due(Instant::now()) {
            self.mark(&lane);
        }
    }

    /// Returns the lanes in which polls wait. Forgets which of the others are empty, because nothing searches them if a wake-up got lost:
    /// their next poll needs a pass.
    pub(in crate::engine) fn polled_lanes(&mut self) -> Vec<Lane> {
        self.empty.keep(|lane| self.lanes.get(lane).is_some_and(|polled| !polled.polls.is_empty()));
        self.lanes.iter().filter(|(_, polled)| !polled.polls.is_empty()).map(|(lane, _)| lane.clone()).collect()
    }

    /// Returns the number of polls by executor type, of all colonies.
    pub(in crate::engine) fn polls_by_type(&self) -> HashMap<String, usize> {
        let mut by_type = HashMap::new();
        for (lane, polled) in self.lanes.iter().filter(|(_, polled)| !polled.polls.is_empty()) {
            *by_type.entry(lane.executor_type.clone()).or_default() += polled.polls.len();
        }
        by_type
    }

    /// Notes whether other brokers' hints arrive. What they told meanwhile is looked for.
    pub(in crate::engine) fn set_deaf(&mut self, is_deaf: bool) {
        self.hearing.set_deaf(is_deaf);
        self.mark_all();
    }

    pub(in crate::engine) fn mark_all(&mut self) {
        self.empty = EmptyLanes::default();
        self.mark_lanes(|_| true);
    }

    /// Notes that work may be free in every lane of this colony. Returns true if any poll waits there.
    pub(in crate::engine) fn mark_colony(&mut self, colony: ColonyKey) -> bool {
        self.empty.forget_colony(colony);
        self.mark_lanes(|lane| lane.colony == colony)
    }

    fn mark_lanes(&mut self, are_meant: impl Fn(&Lane) -> bool) -> bool {
        let lanes: Vec<_> = self.lanes.keys().filter(|lane| are_meant(lane)).cloned().collect();
        lanes.iter().for_each(|lane| _ = self.mark(lane));
        !lanes.is_empty()
    }

    /// Starts over after passes that were cut off: their polls are due again, and no lane waits for its turn.
    pub(in crate::engine) fn start_over(&mut self) {
        // The lanes that waited for a turn are marked again below; the old turns would never end.
        self.turns = CountingTurns::default();
        self.due.clear();
        for lane_polls in self.lanes.values_mut() {
            (lane_polls.passing, lane_polls.queued) = (false, false);
            lane_polls.polls.values_mut().for_each(|poll| poll.passing = false);
        }
        self.mark_all();
    }

    pub(in crate::engine) fn begin_pass(&mut self) -> Option<Pass> {
        while let Some(lane) = self.due.pop_front() {
            let Some(lane_polls) = self.lanes.get_mut(&lane) else { continue };
            if lane_polls.polls.is_empty() {
                self.lanes.remove(&lane);
                continue;
            }
            let is_turn = !lane_polls.is_uncounted && self.turns.are_for(lane.colony);
            // The lane is kept by `turns`, marked as queued, until the turn before it ends.
            if is_turn && !self.turns.begin(&lane) {
                continue;
            }
            lane_polls.queued = false;
            let (ids, slots) = lane_polls.choose();
            if !ids.is_empty() {
                lane_polls.passing = true;
                return Some(Pass { lane, ids, slots, moves: self.limited.moves(), is_turn, began: Instant::now() });
            }
            // Every poll was served already: the turn goes on at once, or the other lanes would wait for a pass that never ends.
            if is_turn {
                self.end_turn(lane.colony);
            }
        }
        None
    }

    /// Lets the next lanes of the colony take their turn, in the order of arrival.
    fn end_turn(&mut self, colony: ColonyKey) {
        self.due.extend(self.turns.end(colony));
    }

    /// Plans the next pass for work that limits hold back.
    pub(in crate::engine) fn plan_limited(&mut self, pass: &Pass, claims: &ClaimResult, now_ms: i64) {
        let now = Instant::now();
        // At least as long as the pass took: a slow database gets half of the time for other work.
        let pause = LIMITED_PASS_PAUSE.max(now.saturating_duration_since(pass.began));
        let pauses = Pauses { shortest: pause, longest: self.look_interval() };
        self.limited.pass_ended(&pass.lane, pass.moves, claims, pauses, now_ms, now);
    }

    /// Answers the polls that got something, are drained or no longer wait; returns the leases of polls that are gone.
    pub(in crate::engine) fn end_pass(&mut self, pass: &Pass, claims: ClaimResult) -> Vec<LeaseRef> {
        let has_more = claims.has_more;
        if claims.is_counted {
            self.turns.count(pass.lane.colony);
        }
        if let Some(lane_polls) = self.lanes.get_mut(&pass.lane) {
            lane_polls.is_uncounted = !claims.is_counted;
            // A wake-up during the pass may be for work that the pass did not see.
            if claims.is_lane_empty && !lane_polls.woken && !self.hearing.is_deaf() {
                self.empty.note(&pass.lane, &pass.slots, &claims, Instant::now());
            }
        }
        let mut given: Vec<PollResult> = pass.slots.iter().map(|_| PollResult::default()).collect();
        for slot in claims.drained {
            if let Some(given) = given.get_mut(slot) {
                given.is_drained = true;
            }
        }
        for claim in claims.claimed {
            if let Some(given) = given.get_mut(claim.slot) {
                given.claimed.push(claim);
            }
        }
        let mut orphans = Vec::new();
        // Polls may have left during the pass: their leases are returned, and so are those that the receiver no longer takes.
        for (id, given) in pass.ids.iter().zip(given) {
            let answered = match self.poll(&pass.lane, *id) {
                Some(poll) if given.claimed.is_empty() && !given.is_drained && poll.waits_on(has_more) => {
                    poll.passing = false;
                    continue;
                }
                Some(_) => self.remove(&pass.lane, *id).map(|poll| poll.reply.send(Ok(given))),
                None => Some(Err(Ok(given))),
            };
            if let Some(Err(Ok(unheard))) = answered {
                orphans.extend(references(&unheard.claimed));
            }
        }
        self.finish_pass(pass, has_more);
        orphans
    }

    /// Answers every poll of the pass with an error, because it is not known what was leased to them.
    pub(in crate::engine) fn break_pass(&mut self, pass: &Pass, error: &Error) {
        for id in &pass.ids {
            if let Some(poll) = self.remove(&pass.lane, *id) {
                let _ = poll.reply.send(Err(error.clone()));
            }
        }
        self.finish_pass(pass, false);
    }

    /// Answers the polls that no longer wait, and those of executors that can ask for what may have been leased to them; the others wait on.
    pub(in crate::engine) fn fail_pass(&mut self, pass: &Pass, error: &Error) {
        for id in &pass.ids {
            match self.poll(&pass.lane, *id) {
                Some(poll) if !poll.is_last && poll.slot.instance.is_none() => poll.passing = false,
                Some(_) => {
                    if let Some(poll) = self.remove(&pass.lane, *id) {
                        let _ = poll.reply.send(Err(error.clone()));
                    }
                }
                None => {}
            }
        }
    }

    pub(in crate::engine) fn resume(&mut self, pass: &Pass) {
        self.finish_pass(pass, true);
    }

    fn finish_pass(&mut self, pass: &Pass, is_due: bool) {
        let lane = &pass.lane;
        if pass.is_turn {
            self.end_turn(lane.colony);
        }
        let Some(lane_polls) = self.lanes.get_mut(lane) else { return };
        lane_polls.passing = false;
        if lane_polls.polls.is_empty() {
            self.lanes.remove(lane);
        } else if is_due {
            self.mark(lane);
        } else if lane_polls.woken || lane_polls.polls.values().any(|poll| !poll.served) {
            // Polls that came, or were left out, during the pass have not been served yet.
            self.enqueue(lane);
        }
    }

    pub(in crate::engine) fn poll(&mut self, lane: &Lane, id: u64) -> Option<&mut Poll> {
        self.lanes.get_mut(lane)?.polls.get_mut(&id)
    }

    pub(in crate::engine) fn remove(&mut self, lane: &Lane, id: u64) -> Option<Poll> {
        let lane_polls = self.lanes.get_mut(lane)?;
        let poll = lane_polls.polls.remove(&id)?;
        self.polls -= 1;
        // A lane in the queue stays, so that a caller who comes and goes does not put it there again and again. A lane in a pass
        // stays, too, because the end of the pass reads its state.
        if lane_polls.polls.is_empty() && !lane_polls.passing && !lane_polls.queued {
            self.lanes.remove(lane);
        }
        Some(poll)
    }

    /// Removes these grants from the polls under them, and answers polls without another grant with an error.
    pub(in crate::engine) fn expel(&mut self, grants: &[GrantKey], error: &Error) {
        let mut expelled = Vec::new();
        for (lane, lane_polls) in &mut self.lanes {
            for (id, poll) in &mut lane_polls.polls {
                if !poll.slot.grants.iter().any(|grant| grants.contains(&grant.key)) {
                    continue;
                }
                // A new list, because a pass under way shares the old one. A sweep releases leases that it still makes under these grants.
                let others = poll.slot.grants.iter().filter(|grant| !grants.contains(&grant.key));
                poll.slot.grants = others.cloned().collect();
                if poll.slot.grants.is_empty() {
                    expelled.push((lane.clone(), *id));
                }
            }
        }
        for (lane, id) in expelled {
            if let Some(poll) = self.remove(&lane, id) {
                let _ = poll.reply.send(Err(error.clone()));
            }
        }
    }

    /// Answers the polls of this run of an executor with nothing.
    pub(in crate::engine) fn supersede(&mut self, executors: &[GrantKey], instance: i64) {
        let is_of = |slot: &ClaimSlot| {
            slot.instance == Some(instance) && slot.grants.iter().any(|grant| executors.contains(&grant.key))
        };
        let mut older = Vec::new();
        for (lane, lane_polls) in &self.lanes {
            let ids = lane_polls.polls.iter().filter(|(_, poll)| is_of(&poll.slot)).map(|(id, _)| *id);
            older.extend(ids.map(|id| (lane.clone(), id)));
        }
        for (lane, id) in older {
            if let Some(poll) = self.remove(&lane, id) {
                let _ = poll.reply.send(Ok(PollResult::default()));
            }
        }
    }

    /// Answers every poll with nothing; returns the leases that are still to be released.
    pub(in crate::engine) fn close(&mut self) -> Vec<(Lane, Vec<LeaseRef>)> {
        self.closed = true;
        for poll in self.lanes.drain().flat_map(|(_, lane_polls)| lane_polls.polls.into_values()) {
            let _ = poll.reply.send(Ok(PollResult::default()));
        }
        self.due.clear();
        self.polls = 0;
        std::mem::take(&mut self.unheard)
    }
}

impl Poll {
    /// True if the poll stays after a pass that gave it nothing. A poll that does not wait is answered, unless the pass ended before the
    /// lane's end: there may be work for it further down.
    fn waits_on(&self, has_more: bool) -> bool {
        !self.is_last || (has_more && self.passes < CLAIM_PASSES_PER_POLL_MAX)
    }
}

impl LanePolls {
    /// Chooses the polls of the next pass: those not served since work last came, in the order of arrival. All of them, because the new
    /// work may be for any of them. Each gets room for one lease before any gets room for more, so that a big claim does not
    /// keep the others out.
    fn choose(&mut self) -> (Vec<u64>, Vec<ClaimSlot>) {
        if std::mem::take(&mut self.woken) {
            self.polls.values_mut().for_each(|poll| poll.served = false);
        }
        let polls = self.polls.iter_mut().filter(|(_, poll)| !poll.served).take(CLAIM_PASS_POLLS_MAX);
        let (ids, mut slots): (Vec<_>, Vec<_>) = polls
            .map(|(id, poll)| {
                (poll.served, poll.passing) = (true, true);
                poll.passes = poll.passes.saturating_add(1);
                (*id, poll.slot.clone())
            })
            .unzip();
        // The bound of a pass is shared, because the specs of all its leases are in memory at once.
        let mut room = CLAIM_PASS_COUNT_MAX.saturating_sub(slots.len());
        for slot in &mut slots {
            let more = slot.count.saturating_sub(1).min(room);
            room -= more;
            slot.count = 1 + more;
        }
        (ids, slots)
    }
}

/// Returns the fencing tokens of leases.
pub(in crate::engine) fn references(claimed: &[ClaimedLease]) -> Vec<LeaseRef> {
    claimed.iter().map(ClaimedLease::reference).collect()
}
