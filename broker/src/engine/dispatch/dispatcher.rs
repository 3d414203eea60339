//! The dispatcher, one per broker: takes work in batches for all polls that wait, instead of every poll asking the
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
use crate::engine::dispatch::polls::{Given, Pass, PollQueue, Reply, references};
use crate::limits::{CLAIM_PASSES_MAX, POLLS_MAX, SLOW_POLL};
use crate::model::{ClaimSlot, Claimed, Claims, ColonyKey, GrantKey, Lane, LeaseRef, Release};
use crate::store::{Store, StoreError, StoreResult};

/// After a pass that failed, the lane's next comes this much later.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Takes work for the polls that wait.
#[derive(Default)]
pub(crate) struct Dispatcher {
    queue: Mutex<PollQueue>,
    wake: Notify,
}

/// Leases on the way to their dispatcher. Dropped before it is [`delivered`](Self::delivered), it gives them back.
pub(crate) struct Handover {
    dispatcher: Arc<Dispatcher>,
    lane: Lane,
    leases: Vec<LeaseRef>,
}

impl Handover {
    /// For work that [`Dispatcher::poll`] gave.
    pub(crate) fn new(dispatcher: Arc<Dispatcher>, lane: Lane, claimed: &[Claimed]) -> Self {
        Self { dispatcher, lane, leases: references(claimed) }
    }

    /// The caller has them.
    pub(crate) fn delivered(mut self) {
        self.leases.clear();
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.dispatcher.put_back(&self.lane, std::mem::take(&mut self.leases));
    }
}

impl Dispatcher {
    /// Waits up to `wait` for work; with no wait, makes one pass. An empty answer is not an error.
    pub(in crate::engine) async fn poll(&self, lane: &Lane, slot: ClaimSlot, wait: Duration) -> Reply {
        let (id, answer) = self.register(lane, slot, wait.is_zero())?;
        // Takes the poll out of the queue if the caller goes away in the middle of this function.
        let mut poll = Registered { dispatcher: self, lane, id, answer };
        if !wait.is_zero() {
            match tokio::time::timeout(wait, &mut poll.answer).await {
                Ok(reply) => return reply.unwrap_or_else(|_| Ok(Given::default())),
                Err(_) if self.give_up(lane, id) => return Ok(Given::default()),
                // A pass with this poll is under way: what it finds is already ours.
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
        let mut queue = self.queue();
        if queue.closed {
            tracing::warn!(count = leases.len(), "claimers went away from a stopping broker; their leases will end");
            return;
        }
        queue.unheard.push((lane.clone(), leases));
        drop(queue);
        self.wake.notify_one();
    }

    /// Work may wait in this lane.
    pub(crate) fn wake(&self, lane: &Lane) {
        if self.queue().mark(lane) {
            self.wake.notify_one();
        }
    }

    /// Something of this colony may be free again, in whatever lane.
    pub(crate) fn wake_colony(&self, colony: ColonyKey) {
        if self.queue().mark_colony(colony) {
            self.wake.notify_one();
        }
    }

    /// Notes that a process of this colony moved: limited work may be free.
    pub(crate) fn moved(&self, colony: ColonyKey) {
        if self.queue().moved(colony) {
            self.wake.notify_one();
        }
    }

    /// Returns when a lane with limited work is due.
    async fn limited_due(&self) {
        let next = self.queue().limited_due_at();
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Ends the polls under these grants. What a pass under way finds for them goes back.
    pub(crate) fn expel(&self, executors: &[GrantKey], error: &Error) {
        self.queue().expel(executors, error);
    }

    /// How many polls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().polls
    }

    /// Serves polls until `stop`, then answers the rest with nothing. `slow_poll` says whether to pass through all lanes now and then
    /// without being told, because other brokers' hints may get lost.
    pub(crate) async fn run(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        slow_poll: bool,
        lines: &Throttle,
        stop: &CancellationToken,
    ) {
        // Passes of an earlier run were cut off by its panic.
        self.queue().start_over();
        let mut passes = FuturesUnordered::new();
        let mut slow = tokio::time::interval(SLOW_POLL);
        slow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while passes.len() < CLAIM_PASSES_MAX {
                let unheard = self.queue().unheard.pop();
                if let Some((lane, leases)) = unheard {
                    passes.push(self.give_back(store, clock, lane, leases).boxed());
                    continue;
                }
                let Some(pass) = self.queue().begin_pass() else { break };
                passes.push(self.pass(store, clock, pass, lines).boxed());
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = self.wake.notified() => {}
                _ = slow.tick(), if slow_poll => self.queue().mark_all(),
                () = self.limited_due() => self.queue().mark_limited(),
            }
        }
        // What the database has already handed over must still reach its poll.
        while passes.next().await.is_some() {}
        drop(passes);
        let unheard = self.queue().close();
        for (lane, leases) in unheard {
            self.give_back(store, clock, lane, leases).await;
        }
    }

    fn register(&self, lane: &Lane, slot: ClaimSlot, is_last: bool) -> Result<(u64, oneshot::Receiver<Reply>), Error> {
        let (reply, answer) = oneshot::channel();
        let mut queue = self.queue();
        if queue.closed {
            return Err(Error::Draining);
        }
        if queue.polls >= POLLS_MAX {
            return Err(Error::Overloaded(format!("{POLLS_MAX} claims wait at this broker")));
        }
        let id = queue.add(lane, slot, reply, is_last);
        drop(queue);
        self.wake.notify_one();
        Ok((id, answer))
    }

    /// Takes a poll out of the queue; returns false if a pass with it is under way, which will answer it.
    fn give_up(&self, lane: &Lane, id: u64) -> bool {
        let mut queue = self.queue();
        let Some(poll) = queue.poll(lane, id) else { return false };
        if poll.passing {
            poll.is_last = true;
            return false;
        }
        queue.remove(lane, id);
        true
    }

    async fn pass(&self, store: &dyn Store, clock: &dyn Clock, pass: Pass, lines: &Throttle) {
        match claim(store, clock, &pass).await {
            Ok(claims) => {
                self.queue().plan_limited(&pass, &claims, clock.now_ms());
                let orphans = self.queue().end_pass(&pass, claims);
                if !orphans.is_empty() {
                    self.give_back(store, clock, pass.lane, orphans).await;
                }
            }
            Err(error) => {
                let (words, executor_type) = (error.to_string(), &pass.lane.executor_type);
                if let Some(held_back) = lines.pass(&format!("claiming {words}")) {
                    tracing::warn!(error = words, executor_type, held_back, "claiming failed; it is tried again");
                }
                self.queue().fail_pass(&pass, &error.into());
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                self.queue().resume(&pass);
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

    fn queue(&self) -> MutexGuard<'_, PollQueue> {
        // It is only ever changed in steps that cannot panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database. A panic in one lane must not end the dispatcher for all.
async fn claim(store: &dyn Store, clock: &dyn Clock, pass: &Pass) -> StoreResult<Claims> {
    let claimed = AssertUnwindSafe(store.claim(&pass.lane, &pass.slots, clock)).catch_unwind().await;
    claimed.unwrap_or_else(|_| Err(StoreError::Refused("the claim failed half-way; the log says why".into())))
}

/// A poll in the queue, for as long as its caller waits.
struct Registered<'a> {
    dispatcher: &'a Dispatcher,
    lane: &'a Lane,
    id: u64,
    answer: oneshot::Receiver<Reply>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.dispatcher.queue().remove(self.lane, self.id);
        // An answer may have come that the caller did not live to read.
        self.answer.close();
        if let Ok(Ok(given)) = self.answer.try_recv() {
            self.dispatcher.put_back(self.lane, references(&given.claimed));
        }
    }
}

#[cfg(test)]
mod tests;
