//! One claimer per broker: it takes work in batches for all polls that wait, instead of every poll asking the
//! database for itself. A poll that goes away never takes a process with it, at whatever moment it goes.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::engine::dispatch::polls::{Board, Given, Pass, Reply, references};
use crate::limits::{CLAIM_PASSES_MAX, POLLS_MAX, SLOW_POLL};
use crate::model::{ClaimSlot, Claimed, Claims, ColonyKey, GrantKey, Lane, LeaseRef, Release};
use crate::store::{Store, StoreError, StoreResult};

/// After a failed look at the database, the next comes this much later.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Takes work for the polls that wait.
#[derive(Default)]
pub(crate) struct Claimer {
    board: Mutex<Board>,
    wake: Notify,
}

/// Leases on the way to their claimer. Dropped before it is [`delivered`](Self::delivered), it gives them back.
pub(crate) struct Handover {
    claimer: Arc<Claimer>,
    lane: Lane,
    leases: Vec<LeaseRef>,
}

impl Handover {
    /// For work that [`Claimer::poll`] gave.
    pub(crate) fn new(claimer: Arc<Claimer>, lane: Lane, claimed: &[Claimed]) -> Self {
        Self { claimer, lane, leases: references(claimed) }
    }

    /// The caller has them.
    pub(crate) fn delivered(mut self) {
        self.leases.clear();
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.claimer.put_back(&self.lane, std::mem::take(&mut self.leases));
    }
}

impl Claimer {
    /// Waits up to `wait` for work; with no wait, looks once. An empty answer is not an error.
    pub(in crate::engine) async fn poll(&self, lane: &Lane, slot: ClaimSlot, wait: Duration) -> Reply {
        let (id, answer) = self.register(lane, slot, wait.is_zero())?;
        // Takes the poll off the board if the caller goes away in the middle of this function.
        let mut poll = Registered { claimer: self, lane, id, answer };
        if !wait.is_zero() {
            match tokio::time::timeout(wait, &mut poll.answer).await {
                Ok(reply) => return reply.unwrap_or_else(|_| Ok(Given::default())),
                Err(_) if self.give_up(lane, id) => return Ok(Given::default()),
                // A look for this poll is under way: what it finds is already ours.
                Err(_) => {}
            }
        }
        (&mut poll.answer).await.unwrap_or_else(|_| Ok(Given::default()))
    }

    /// Gives back, soon, what was leased to somebody who does not get it: no retry is spent.
    pub(crate) fn put_back(&self, lane: &Lane, leases: Vec<LeaseRef>) {
        if leases.is_empty() {
            return;
        }
        let mut board = self.board();
        if board.closed {
            tracing::warn!(count = leases.len(), "claimers went away from a stopping broker; their leases will end");
            return;
        }
        board.unheard.push((lane.clone(), leases));
        drop(board);
        self.wake.notify_one();
    }

    /// Work may wait in this lane.
    pub(crate) fn wake(&self, lane: &Lane) {
        if self.board().mark(lane) {
            self.wake.notify_one();
        }
    }

    /// Something of this colony may be free again, in whatever lane.
    pub(crate) fn wake_colony(&self, colony: ColonyKey) {
        if self.board().mark_colony(colony) {
            self.wake.notify_one();
        }
    }

    /// A process of this colony moved: what limits hold may be free.
    pub(crate) fn moved(&self, colony: ColonyKey) {
        if self.board().moved(colony) {
            self.wake.notify_one();
        }
    }

    /// Returns when it is time to look again for what limits hold.
    async fn held(&self) {
        let next = self.board().next_look();
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Ends the polls under these grants. What a look under way finds for them goes back.
    pub(crate) fn expel(&self, executors: &[GrantKey], error: &Error) {
        self.board().expel(executors, error);
    }

    /// How many polls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.board().polls
    }

    /// Serves polls until `stop`, then answers the rest with nothing. `slow_poll` says whether to look now and then
    /// without being told, because other brokers' hints may get lost.
    pub(crate) async fn run(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        slow_poll: bool,
        lines: &Throttle,
        stop: &CancellationToken,
    ) {
        // Looks of an earlier run were cut off by its panic.
        self.board().start_over();
        let mut passes = FuturesUnordered::new();
        let mut slow = tokio::time::interval(SLOW_POLL);
        slow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while passes.len() < CLAIM_PASSES_MAX {
                let unheard = self.board().unheard.pop();
                if let Some((lane, leases)) = unheard {
                    passes.push(self.give_back(store, clock, lane, leases).boxed());
                    continue;
                }
                let Some(pass) = self.board().begin_pass() else { break };
                passes.push(self.pass(store, clock, pass, lines).boxed());
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = self.wake.notified() => {}
                _ = slow.tick(), if slow_poll => self.board().mark_all(),
                () = self.held() => self.board().mark_held(),
            }
        }
        // What the database has already handed over must still reach its poll.
        while passes.next().await.is_some() {}
        drop(passes);
        let unheard = self.board().close();
        for (lane, leases) in unheard {
            self.give_back(store, clock, lane, leases).await;
        }
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
        let id = board.add(lane, slot, reply, last_look);
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

    async fn pass(&self, store: &dyn Store, clock: &dyn Clock, pass: Pass, lines: &Throttle) {
        match claim(store, clock, &pass).await {
            Ok(claims) => {
                self.board().hold(&pass, &claims, clock.now_ms());
                let orphans = self.board().end_pass(&pass, claims);
                if !orphans.is_empty() {
                    self.give_back(store, clock, pass.lane, orphans).await;
                }
            }
            Err(error) => {
                let (words, executor_type) = (error.to_string(), &pass.lane.executor_type);
                if let Some(held_back) = lines.pass(&format!("claiming {words}")) {
                    tracing::warn!(error = words, executor_type, held_back, "claiming failed; it is tried again");
                }
                self.board().fail_pass(&pass, &error.into());
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                self.board().resume(&pass);
            }
        }
        self.wake.notify_one();
    }

    /// Puts back what was taken for callers who are gone. What cannot be put back now, the lease's end puts back.
    async fn give_back(&self, store: &dyn Store, clock: &dyn Clock, lane: Lane, leases: Vec<LeaseRef>) {
        let releases: Vec<_> = leases.iter().copied().map(Release::at_once).collect();
        if let Err(error) = store.release(&releases, clock.now_ms()).await {
            tracing::warn!(
                %error, count = leases.len(), "could not give back work whose claimers went away; their leases will end"
            );
        }
        self.wake(&lane);
        self.moved(lane.colony);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // The board is only ever changed in steps that cannot panic half-way.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database. A panic in one lane must not end the claimer for all.
async fn claim(store: &dyn Store, clock: &dyn Clock, pass: &Pass) -> StoreResult<Claims> {
    let claimed = AssertUnwindSafe(store.claim(&pass.lane, &pass.slots, clock)).catch_unwind().await;
    claimed.unwrap_or_else(|_| Err(StoreError::Refused("the claim failed half-way; the log says why".into())))
}

/// A poll on the board, for as long as its caller waits.
struct Registered<'a> {
    claimer: &'a Claimer,
    lane: &'a Lane,
    id: u64,
    answer: oneshot::Receiver<Reply>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.claimer.board().remove(self.lane, self.id);
        // An answer may have come that the caller did not live to read.
        self.answer.close();
        if let Ok(Ok(given)) = self.answer.try_recv() {
            self.claimer.put_back(self.lane, references(&given.claimed));
        }
    }
}

#[cfg(test)]
mod tests;
