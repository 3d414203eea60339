//! One claimer per broker: it takes work in batches for all polls that wait, instead of every poll asking the
//! database for itself. A poll that goes away never takes a process with it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_identity::Clock;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::limits::{CLAIM_PASS_COUNT_MAX, CLAIM_PASSES_MAX, POLLS_MAX, SLOW_POLL};
use crate::model::{ClaimSlot, Claimed, Lane, LeaseRef};
use crate::store::Store;

/// After a failed look at the database, the next comes this much later.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

type Reply = Result<Vec<Claimed>, Error>;

/// The polls that wait, by lane.
#[derive(Default)]
pub(crate) struct Claimer {
    board: Mutex<Board>,
    wake: Notify,
}

#[derive(Default)]
struct Board {
    lanes: HashMap<Lane, LaneBoard>,
    /// Lanes to look into, each once.
    due: VecDeque<Lane>,
    polls: usize,
    last_id: u64,
    closed: bool,
}

#[derive(Default)]
struct LaneBoard {
    polls: VecDeque<Poll>,
    due: bool,
    passing: bool,
}

struct Poll {
    id: u64,
    slot: ClaimSlot,
    reply: oneshot::Sender<Reply>,
    /// Part of the look under way.
    passing: bool,
    /// To be answered after the next look, whatever it gives.
    last_look: bool,
}

/// A look into one lane for some of its polls.
struct Pass {
    lane: Lane,
    ids: Vec<u64>,
    slots: Vec<ClaimSlot>,
}

impl Claimer {
    /// Waits up to `wait` for work; with no wait, looks once. An empty answer is not an error.
    pub(crate) async fn poll(&self, lane: &Lane, slot: ClaimSlot, wait: Duration) -> Reply {
        let (id, mut answer) = self.register(lane, slot, wait.is_zero())?;
        // Takes the poll off the board if the caller goes away in the middle of this function.
        let _guard = Registered { claimer: self, lane, id };
        if !wait.is_zero() {
            match tokio::time::timeout(wait, &mut answer).await {
                Ok(reply) => return reply.unwrap_or(Ok(Vec::new())),
                Err(_) if self.give_up(lane, id) => return Ok(Vec::new()),
                // A look for this poll is under way: what it finds is already ours.
                Err(_) => {}
            }
        }
        answer.await.unwrap_or(Ok(Vec::new()))
    }

    /// Work may wait in this lane.
    pub(crate) fn wake(&self, lane: &Lane) {
        let mut board = self.board();
        if board.lanes.contains_key(lane) {
            board.mark(lane);
            drop(board);
            self.wake.notify_one();
        }
    }

    /// How many polls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.board().polls
    }

    /// Serves polls until `stop`, then answers the rest with nothing. `slow_poll` says whether to look now and then
    /// without being told, because other brokers' hints may get lost.
    pub(crate) async fn run(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        slow_poll: bool,
        stop: CancellationToken,
    ) {
        let mut passes = FuturesUnordered::new();
        let mut slow = tokio::time::interval(SLOW_POLL);
        slow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while passes.len() < CLAIM_PASSES_MAX {
                let Some(pass) = self.board().begin_pass() else { break };
                passes.push(self.pass(&*store, &*clock, pass));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = self.wake.notified() => {}
                _ = slow.tick(), if slow_poll => self.board().mark_all(),
            }
        }
        // What the database has already handed over must still reach its poll.
        while passes.next().await.is_some() {}
        self.board().close();
    }

    fn register(
        &self,
        lane: &Lane,
        slot: ClaimSlot,
        last_look: bool,
    ) -> Result<(u64, oneshot::Receiver<Reply>), Error> {
        let (reply, answer) = oneshot::channel();
        let mut board = self.board();
        if board.closed {
            return Err(Error::Draining);
        }
        if board.polls >= POLLS_MAX {
            return Err(Error::Overloaded(format!("{POLLS_MAX} claims wait at this broker")));
        }
        board.last_id += 1;
        board.polls += 1;
        let id = board.last_id;
        let poll = Poll { id, slot, reply, passing: false, last_look };
        board.lanes.entry(lane.clone()).or_default().polls.push_back(poll);
        board.mark(lane);
        drop(board);
        self.wake.notify_one();
        Ok((id, answer))
    }

    /// Takes a poll off the board; false if a look for it is under way, which will answer it.
    fn give_up(&self, lane: &Lane, id: u64) -> bool {
        let mut board = self.board();
        let Some(poll) = board.poll(lane, id) else { return false };
        if poll.passing {
            poll.last_look = true;
            return false;
        }
        board.remove(lane, id);
        true
    }

    async fn pass(&self, store: &dyn Store, clock: &dyn Clock, pass: Pass) {
        match store.claim(&pass.lane, &pass.slots, clock.now_ms()).await {
            Ok(claimed) => {
                let orphans = self.board().end_pass(&pass, claimed);
                if !orphans.is_empty() {
                    give_back(store, clock, orphans).await;
                    self.wake(&pass.lane);
                }
            }
            Err(error) => {
                tracing::warn!(%error, executor_type = pass.lane.executor_type, "claiming failed; it is tried again");
                self.board().fail_pass(&pass, &error.into());
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                self.board().resume(&pass.lane);
            }
        }
        self.wake.notify_one();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // The board is only ever changed in steps that cannot panic half-way.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll on the board, for as long as its caller waits.
struct Registered<'a> {
    claimer: &'a Claimer,
    lane: &'a Lane,
    id: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.claimer.board().remove(self.lane, self.id);
    }
}

impl Board {
    fn mark(&mut self, lane: &Lane) {
        if let Some(board) = self.lanes.get_mut(lane)
            && !std::mem::replace(&mut board.due, true)
            && !board.passing
        {
            self.due.push_back(lane.clone());
        }
    }

    fn mark_all(&mut self) {
        let lanes: Vec<_> = self.lanes.keys().cloned().collect();
        lanes.iter().for_each(|lane| self.mark(lane));
    }

    fn begin_pass(&mut self) -> Option<Pass> {
        while let Some(lane) = self.due.pop_front() {
            let Some(board) = self.lanes.get_mut(&lane) else { continue };
            board.due = false;
            board.passing = true;
            let (mut ids, mut slots, mut room) = (Vec::new(), Vec::new(), CLAIM_PASS_COUNT_MAX);
            for poll in &mut board.polls {
                if room == 0 {
                    break;
                }
                let mut slot = poll.slot.clone();
                slot.count = slot.count.min(room);
                room -= slot.count;
                poll.passing = true;
                ids.push(poll.id);
                slots.push(slot);
            }
            return Some(Pass { lane, ids, slots });
        }
        None
    }

    /// Answers the polls that got something or wait no longer; returns what was taken for polls that are gone.
    fn end_pass(&mut self, pass: &Pass, claimed: Vec<Claimed>) -> Vec<(ClaimSlot, Claimed)> {
        let asked: usize = pass.slots.iter().map(|slot| slot.count).sum();
        let all_taken = claimed.len() >= asked;
        let mut by_slot: Vec<Vec<Claimed>> = pass.slots.iter().map(|_| Vec::new()).collect();
        for claim in claimed {
            if let Some(slot) = by_slot.get_mut(claim.slot) {
                slot.push(claim);
            }
        }
        let mut orphans = Vec::new();
        for ((id, slot), claims) in pass.ids.iter().zip(&pass.slots).zip(by_slot) {
            let answered = match self.poll(&pass.lane, *id) {
                Some(poll) if claims.is_empty() && !poll.last_look => {
                    poll.passing = false;
                    continue;
                }
                Some(_) => self.remove(&pass.lane, *id).map(|poll| poll.reply.send(Ok(claims))),
                None => Some(Err(Ok(claims))),
            };
            if let Some(Err(Ok(unheard))) = answered {
                orphans.extend(unheard.into_iter().map(|claim| (slot.clone(), claim)));
            }
        }
        self.finish_pass(&pass.lane, all_taken);
        orphans
    }

    /// Tells the polls that wait no longer; the others wait on.
    fn fail_pass(&mut self, pass: &Pass, error: &Error) {
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

    fn resume(&mut self, lane: &Lane) {
        self.finish_pass(lane, true);
    }

    fn finish_pass(&mut self, lane: &Lane, look_again: bool) {
        let Some(board) = self.lanes.get_mut(lane) else { return };
        board.passing = false;
        // Polls that came, or were left out, while the look was under way have not been looked for.
        let look_again = look_again || std::mem::take(&mut board.due);
        if board.polls.is_empty() {
            self.lanes.remove(lane);
        } else if look_again {
            board.due = false;
            self.mark(lane);
        }
    }

    fn poll(&mut self, lane: &Lane, id: u64) -> Option<&mut Poll> {
        self.lanes.get_mut(lane)?.polls.iter_mut().find(|poll| poll.id == id)
    }

    fn remove(&mut self, lane: &Lane, id: u64) -> Option<Poll> {
        let board = self.lanes.get_mut(lane)?;
        let place = board.polls.iter().position(|poll| poll.id == id)?;
        let poll = board.polls.remove(place)?;
        self.polls -= 1;
        if board.polls.is_empty() && !board.passing {
            self.lanes.remove(lane);
        }
        Some(poll)
    }

    fn close(&mut self) {
        self.closed = true;
        for poll in self.lanes.drain().flat_map(|(_, board)| board.polls) {
            let _ = poll.reply.send(Ok(Vec::new()));
        }
        self.due.clear();
        self.polls = 0;
    }
}

/// Puts back what was taken for polls whose callers are gone. What cannot be put back now, the lease's end puts back.
async fn give_back(store: &dyn Store, clock: &dyn Clock, orphans: Vec<(ClaimSlot, Claimed)>) {
    let leases: Vec<_> = orphans
        .iter()
        .map(|(slot, claim)| LeaseRef { process_id: claim.process_id, attempt: claim.attempt, executor: slot.executor })
        .collect();
    if let Err(error) = store.release(&leases, clock.now_ms()).await {
        tracing::warn!(%error, count = leases.len(), "could not give back work whose claimers went away; their leases will end");
    }
}
