//! The polls that wait, by lane: which of them the next look is for, and who gets what it found. No I/O; the claimer has the lock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Error;
use crate::engine::dispatch::holds::Holds;
use crate::engine::dispatch::turns::Turns;
use crate::limits::{CLAIM_LOOKS_MAX, CLAIM_PASS_COUNT_MAX, CLAIM_PASS_POLLS_MAX, HELD_LOOK_PAUSE};
use crate::model::{ClaimSlot, Claimed, Claims, ColonyKey, GrantKey, Lane, LeaseRef};

/// What a poll is answered with.
pub(in crate::engine) type Reply = Result<Given, Error>;

/// What a poll got.
#[derive(Debug, Default)]
pub(in crate::engine) struct Given {
    /// Leases, in the order of their processes; none if there was no work.
    pub(in crate::engine) claimed: Vec<Claimed>,
    /// The executor is to take no new work.
    pub(in crate::engine) is_drained: bool,
}

/// The polls that wait, by lane, and what is to be done for them.
#[derive(Default)]
pub(in crate::engine) struct Board {
    lanes: HashMap<Lane, LaneBoard>,
    /// Lanes to look into, each once.
    pub(in crate::engine) due: VecDeque<Lane>,
    /// Leases that were made for callers who went away, to be given back.
    pub(in crate::engine) unheard: Vec<(Lane, Vec<LeaseRef>)>,
    pub(in crate::engine) polls: usize,
    last_id: u64,
    pub(in crate::engine) closed: bool,
    /// What limits hold.
    holds: Holds,
    /// Whose turn it is to count them.
    turns: Turns,
}

#[derive(Default)]
struct LaneBoard {
    /// Its last look counted no limits.
    is_uncounted: bool,
    /// By their numbers, which is the order in which they came.
    polls: BTreeMap<u64, Poll>,
    /// In the line of lanes that are due.
    queued: bool,
    /// Work may have come since its polls were looked for.
    woken: bool,
    /// A look is under way; there is never a second.
    passing: bool,
}

pub(in crate::engine) struct Poll {
    slot: ClaimSlot,
    reply: oneshot::Sender<Reply>,
    /// Looked for since work last came.
    looked: bool,
    /// How often it was looked for.
    looks: u32,
    /// Part of the look under way.
    pub(in crate::engine) passing: bool,
    /// To be answered after the next look to the lane's end, whatever it gives.
    pub(in crate::engine) last_look: bool,
}

/// A look into one lane for some of its polls.
pub(in crate::engine) struct Pass {
    pub(in crate::engine) lane: Lane,
    pub(in crate::engine) ids: Vec<u64>,
    pub(in crate::engine) slots: Vec<ClaimSlot>,
    /// How many processes had moved when it began.
    moves: u64,
    /// It is one of those that take turns.
    is_turn: bool,
    began: Instant,
}

impl Board {
    /// A new poll, to be looked for; returns its number.
    pub(in crate::engine) fn add(
        &mut self,
        lane: &Lane,
        slot: ClaimSlot,
        reply: oneshot::Sender<Reply>,
        last_look: bool,
    ) -> u64 {
        self.last_id += 1;
        self.polls += 1;
        let id = self.last_id;
        let poll = Poll { slot, reply, looked: false, looks: 0, passing: false, last_look };
        self.lanes.entry(lane.clone()).or_default().polls.insert(id, poll);
        self.enqueue(lane);
        id
    }

    /// Work may have come: every poll of the lane is to be looked for. False if nobody waits there.
    pub(in crate::engine) fn mark(&mut self, lane: &Lane) -> bool {
        let Some(board) = self.lanes.get_mut(lane) else { return false };
        board.woken = true;
        self.enqueue(lane);
        true
    }

    /// Puts a lane in the line, unless it is there. One that is being looked into comes back at the end of the look.
    pub(in crate::engine) fn enqueue(&mut self, lane: &Lane) {
        if let Some(board) = self.lanes.get_mut(lane)
            && !board.passing
            && !std::mem::replace(&mut board.queued, true)
        {
            self.due.push_back(lane.clone());
        }
    }

    /// A process of this colony moved: a place under a limit may be free. True if that is to be looked for.
    pub(in crate::engine) fn moved(&mut self, colony: ColonyKey) -> bool {
        self.holds.moved(colony, Instant::now())
    }

    /// When to look again for what limits hold.
    pub(in crate::engine) fn next_look(&self) -> Option<Instant> {
        self.holds.next()
    }

    /// It is time for that.
    pub(in crate::engine) fn mark_held(&mut self) {
        for lane in self.holds.due(Instant::now()) {
            self.mark(&lane);
        }
    }

    pub(in crate::engine) fn mark_all(&mut self) {
        self.mark_lanes(|_| true);
    }

    /// Work may be free in every lane of this colony. False if nobody waits there.
    pub(in crate::engine) fn mark_colony(&mut self, colony: ColonyKey) -> bool {
        self.mark_lanes(|lane| lane.colony == colony)
    }

    fn mark_lanes(&mut self, are_meant: impl Fn(&Lane) -> bool) -> bool {
        let lanes: Vec<_> = self.lanes.keys().filter(|lane| are_meant(lane)).cloned().collect();
        lanes.iter().for_each(|lane| _ = self.mark(lane));
        !lanes.is_empty()
    }

    /// Begins anew after looks that were cut off: their polls are looked for again, and nobody's turn is waited for.
    pub(in crate::engine) fn start_over(&mut self) {
        self.turns = Turns::default();
        self.due.clear();
        for board in self.lanes.values_mut() {
            (board.passing, board.queued) = (false, false);
            board.polls.values_mut().for_each(|poll| poll.passing = false);
        }
        self.mark_all();
    }

    pub(in crate::engine) fn begin_pass(&mut self) -> Option<Pass> {
        while let Some(lane) = self.due.pop_front() {
            let Some(board) = self.lanes.get_mut(&lane) else { continue };
            if board.polls.is_empty() {
                self.lanes.remove(&lane);
                continue;
            }
            let is_turn = !board.is_uncounted && self.turns.are_for(lane.colony);
            if is_turn && !self.turns.begin(&lane) {
                continue;
            }
            board.queued = false;
            let (ids, slots) = board.choose();
            if !ids.is_empty() {
                board.passing = true;
                return Some(Pass { lane, ids, slots, moves: self.holds.moves(), is_turn, began: Instant::now() });
            }
            if is_turn {
                self.end_turn(lane.colony);
            }
        }
        None
    }

    /// The next lanes of the colony may be looked into, in the order in which they came.
    fn end_turn(&mut self, colony: ColonyKey) {
        self.due.extend(self.turns.end(colony));
    }

    /// What limits hold is to be looked for again.
    pub(in crate::engine) fn hold(&mut self, pass: &Pass, claims: &Claims, now_ms: i64) {
        let now = Instant::now();
        let pause = HELD_LOOK_PAUSE.max(now.saturating_duration_since(pass.began));
        self.holds.looked(&pass.lane, pass.moves, claims, pause, now_ms, now);
    }

    /// Answers the polls that got something, are drained or wait no longer; returns what was taken for polls that are gone.
    pub(in crate::engine) fn end_pass(&mut self, pass: &Pass, claims: Claims) -> Vec<LeaseRef> {
        let has_more = claims.has_more;
        if claims.is_counted {
            self.turns.count(pass.lane.colony);
        }
        if let Some(board) = self.lanes.get_mut(&pass.lane) {
            board.is_uncounted = !claims.is_counted;
        }
        let mut given: Vec<Given> = pass.slots.iter().map(|_| Given::default()).collect();
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

    /// Tells the polls that wait no longer; the others wait on.
    pub(in crate::engine) fn fail_pass(&mut self, pass: &Pass, error: &Error) {
        for id in &pass.ids {
            match self.poll(&pass.lane, *id) {
                Some(poll) if !poll.last_look => poll.passing = false,
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

    fn finish_pass(&mut self, pass: &Pass, look_again: bool) {
        let lane = &pass.lane;
        if pass.is_turn {
            self.end_turn(lane.colony);
        }
        let Some(board) = self.lanes.get_mut(lane) else { return };
        board.passing = false;
        if board.polls.is_empty() {
            self.lanes.remove(lane);
        } else if look_again {
            self.mark(lane);
        } else if board.woken || board.polls.values().any(|poll| !poll.looked) {
            // Polls that came, or were left out, while the look was under way have not been looked for.
            self.enqueue(lane);
        }
    }

    pub(in crate::engine) fn poll(&mut self, lane: &Lane, id: u64) -> Option<&mut Poll> {
        self.lanes.get_mut(lane)?.polls.get_mut(&id)
    }

    pub(in crate::engine) fn remove(&mut self, lane: &Lane, id: u64) -> Option<Poll> {
        let board = self.lanes.get_mut(lane)?;
        let poll = board.polls.remove(&id)?;
        self.polls -= 1;
        // A lane in the line stays, so that a caller who comes and goes does not put it there again and again.
        if board.polls.is_empty() && !board.passing && !board.queued {
            self.lanes.remove(lane);
        }
        Some(poll)
    }

    /// Takes these grants from the polls under them, and answers those with an error that have no other.
    pub(in crate::engine) fn expel(&mut self, grants: &[GrantKey], error: &Error) {
        let mut expelled = Vec::new();
        for (lane, board) in &mut self.lanes {
            for (id, poll) in &mut board.polls {
                if !poll.slot.grants.iter().any(|grant| grants.contains(&grant.key)) {
                    continue;
                }
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

    /// Answers every poll with nothing; returns what is still to be given back.
    pub(in crate::engine) fn close(&mut self) -> Vec<(Lane, Vec<LeaseRef>)> {
        self.closed = true;
        for poll in self.lanes.drain().flat_map(|(_, board)| board.polls.into_values()) {
            let _ = poll.reply.send(Ok(Given::default()));
        }
        self.due.clear();
        self.polls = 0;
        std::mem::take(&mut self.unheard)
    }
}

impl Poll {
    /// Whether it stays if a look gave it nothing. One that does not wait is answered, unless the look ended before the lane's
    /// end: further down there may be something for it.
    fn waits_on(&self, has_more: bool) -> bool {
        !self.last_look || (has_more && self.looks < CLAIM_LOOKS_MAX)
    }
}

impl LaneBoard {
    /// The polls of the next look: those not looked for since work last came, in the order in which they came. All of them, because
    /// the work that came may be for any of them. Each gets room for one before any gets room for more, so that a big claim does
    /// not keep the others out.
    fn choose(&mut self) -> (Vec<u64>, Vec<ClaimSlot>) {
        if std::mem::take(&mut self.woken) {
            self.polls.values_mut().for_each(|poll| poll.looked = false);
        }
        let polls = self.polls.iter_mut().filter(|(_, poll)| !poll.looked).take(CLAIM_PASS_POLLS_MAX);
        let (ids, mut slots): (Vec<_>, Vec<_>) = polls
            .map(|(id, poll)| {
                (poll.looked, poll.passing) = (true, true);
                poll.looks = poll.looks.saturating_add(1);
                (*id, poll.slot.clone())
            })
            .unzip();
        let mut room = CLAIM_PASS_COUNT_MAX.saturating_sub(slots.len());
        for slot in &mut slots {
            let more = slot.count.saturating_sub(1).min(room);
            room -= more;
            slot.count = 1 + more;
        }
        (ids, slots)
    }
}

/// The fencing tokens of what was given.
pub(in crate::engine) fn references(claimed: &[Claimed]) -> Vec<LeaseRef> {
    let reference =
        |claim: &Claimed| LeaseRef { process_id: claim.process_id, attempt: claim.attempt, executor: claim.executor };
    claimed.iter().map(reference).collect()
}
