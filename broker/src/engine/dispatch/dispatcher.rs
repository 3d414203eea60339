//! The dispatcher, one per broker: claims work in batches for all waiting polls, instead of one query per poll. A poll whose caller
//! goes away loses no process, at whatever moment that happens.

use std::collections::HashMap;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_identity::Clock;
use apiary_store::model::{ClaimResult, ClaimSlot, ClaimedLease, ColonyKey, GrantKey, Lane, LeaseRef, Release};
use apiary_store::{Store, StoreError, StoreResult};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::engine::dispatch::polls::{Pass, PollQueue, PollResult, Reply, references};
use crate::engine::passes;
use crate::hearing::Hearing;
use crate::limits::{CLAIM_PASSES_MAX, POLLS_MAX};

/// The pause of a lane after a failed pass.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Claims work for the waiting polls.
#[derive(Default)]
pub(crate) struct Dispatcher {
    queue: Mutex<PollQueue>,
    wake: Notify,
}

/// Leases on the way to their caller. If it is dropped before [`delivered`](Self::delivered), the leases are released.
pub(crate) struct LeaseGuard {
    dispatcher: Arc<Dispatcher>,
    lane: Lane,
    leases: Vec<LeaseRef>,
}

impl LeaseGuard {
    /// Returns a guard for the leases that [`Dispatcher::poll`] returned.
    pub(crate) fn new(dispatcher: Arc<Dispatcher>, lane: Lane, claimed: &[ClaimedLease]) -> Self {
        Self { dispatcher, lane, leases: references(claimed) }
    }

    /// Ends the guard's duty: the caller has the leases.
    pub(crate) fn delivered(mut self) {
        self.leases.clear();
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.dispatcher.put_back(&self.lane, std::mem::take(&mut self.leases));
    }
}

impl Dispatcher {
    /// Returns a dispatcher without polls.
    pub(crate) fn new(hearing: Hearing) -> Self {
        Self { queue: Mutex::new(PollQueue::new(hearing)), wake: Notify::new() }
    }

    /// Waits up to `wait` for work; with no wait, makes one pass. An empty answer is not an error.
    pub(in crate::engine) async fn poll(&self, lane: &Lane, slot: ClaimSlot, wait: Duration) -> Reply {
        let (id, answer) = self.register(lane, slot, wait.is_zero())?;
        // Takes the poll out of the queue if the caller goes away in the middle of this function.
        let mut poll = QueuedPoll { dispatcher: self, lane: lane.clone(), id, answer };
        if !wait.is_zero() {
            match tokio::time::timeout(wait, &mut poll.answer).await {
                Ok(reply) => return reply.unwrap_or_else(|_| Ok(PollResult::default())),
                Err(_) if self.give_up(lane, id) => return Ok(PollResult::default()),
                // A pass with this poll is under way and may have made leases for it already, so its end is awaited.
                Err(_) => {}
            }
        }
        poll.answered().await
    }

    /// Adds claims of one lane that do not wait, and begins a pass for all that wait there, which the caller makes. A claim gets no poll if
    /// nothing waits in its lane, it is in another than the first, or a pass over the lane is under way: whoever claims again has its own.
    pub(super) fn join<'a>(self: &Arc<Self>, claims: impl Iterator<Item = (&'a Lane, &'a ClaimSlot)>) -> Joined {
        let (mut polls, mut ids, mut first) = (Vec::new(), Vec::new(), None);
        // One lock for the polls and their pass, or the dispatcher might begin it first.
        let mut queue = self.queue();
        for (lane, slot) in claims {
            let joins =
                first.is_none_or(|first| first == lane) && queue.is_free(lane) && !queue.is_known_empty(lane, slot);
            let added = joins.then(|| add(&mut queue, lane, slot.clone(), true).ok()).flatten();
            if let Some((id, _)) = &added {
                first = Some(lane);
                ids.push(*id);
            }
            let poll = |(id, answer)| QueuedPoll { dispatcher: self.clone(), lane: lane.clone(), id, answer };
            polls.push(added.map(poll));
        }
        let pass = first.and_then(|lane| queue.begin_at_once(lane));
        drop(queue);
        Joined { polls, pass, ids }
    }

    /// Releases, soon, leases that their caller does not get; no retry is spent.
    pub(crate) fn put_back(&self, lane: &Lane, leases: Vec<LeaseRef>) {
        if leases.is_empty() {
            return;
        }
        let mut queue = self.queue();
        // No pass will run any more, so nothing would read the list.
        if queue.closed {
            tracing::warn!(
                count = leases.len(),
                "clients disconnected from a stopping broker; their leases will expire"
            );
            return;
        }
        queue.unheard.push((lane.clone(), leases));
        drop(queue);
        self.wake.notify_one();
    }

    /// Reserves polls of a lane for so many new processes; see [`PollQueue::begin_hand_over`].
    pub(super) fn reserve(&self, lane: &Lane, count: usize) -> Option<Pass> {
        self.queue().begin_hand_over(lane, count)
    }

    /// Answers reserved polls with their leases; returns those of callers who went away.
    pub(super) fn end_hand_over(&self, pass: &Pass, claimed: Vec<ClaimedLease>) -> Vec<LeaseRef> {
        let orphans = self.queue().end_pass(pass, ClaimResult { claimed, ..ClaimResult::default() });
        // Polls that came meanwhile may need a pass.
        self.wake.notify_one();
        orphans
    }

    /// Answers the polls of a pass that another commit made; returns the leases of those who went away.
    pub(super) fn end_joined(&self, pass: &Pass, claims: ClaimResult, now_ms: i64) -> Vec<LeaseRef> {
        let mut queue = self.queue();
        queue.plan_limited(pass, &claims, now_ms);
        let orphans = queue.end_pass(pass, claims);
        drop(queue);
        self.wake.notify_one();
        orphans
    }

    /// Ends a pass that another commit did not make: the polls with these numbers get nothing, the others a pass of their own.
    pub(super) fn leave_joined(&self, pass: &Pass, answered: &[u64]) {
        self.queue().leave_pass(pass, answered);
        self.wake.notify_one();
    }

    /// Ends a pass whose commit has an unknown outcome.
    pub(super) fn break_joined(&self, pass: &Pass, error: &Error) {
        let mut queue = self.queue();
        queue.fail_pass(pass, error);
        queue.resume(pass);
        drop(queue);
        self.wake.notify_one();
    }

    /// Answers reserved polls with an error.
    pub(super) fn break_hand_over(&self, pass: &Pass, error: &Error) {
        self.queue().break_pass(pass, error);
        self.wake.notify_one();
    }

    /// Marks a lane as due: work may wait in it.
    pub(crate) fn wake(&self, lane: &Lane) {
        if self.queue().mark(lane) {
            self.wake.notify_one();
        }
    }

    /// Marks every lane of a colony as due: some of its work may have become free.
    pub(crate) fn wake_colony(&self, colony: ColonyKey) {
        if self.queue().mark_colony(colony) {
            self.wake.notify_one();
        }
    }

    /// Notes whether other brokers' hints arrive.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.queue().set_deaf(is_deaf);
        self.wake.notify_one();
    }

    /// Notes that a process of this colony changed state: limited work may be free.
    pub(crate) fn moved(&self, colony: ColonyKey) {
        if self.queue().moved(colony) {
            self.wake.notify_one();
        }
    }

    /// Completes when a lane with limited work is due.
    async fn limited_due(&self) {
        let next = self.queue().limited_due_at();
        // A new notification restarts the wait with the new time, so that reading it once is enough.
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Ends the polls under these grants. A pass under way releases what it finds for them.
    pub(crate) fn expel(&self, executors: &[GrantKey], error: &Error) {
        self.queue().expel(executors, error);
    }

    /// Ends the polls of this run of an executor, which makes another. A pass under way releases what it finds for them.
    pub(crate) fn supersede(&self, executors: &[GrantKey], instance: i64) {
        self.queue().supersede(executors, instance);
    }

    /// Returns the number of waiting polls.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().polls
    }

    /// Returns the number of waiting polls by executor type.
    pub(crate) fn waiting_by_type(&self) -> HashMap<String, usize> {
        self.queue().polls_by_type()
    }

    /// Serves polls until `stop`, then answers the rest with nothing. With `slow_poll`, it looks from time to time without a hint which lanes
    /// have work, because other brokers' hints may get lost.
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
        let (mut passes, mut searches) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut searched_at = None;
        loop {
            while passes.len() < CLAIM_PASSES_MAX {
                // Releases come first: other polls may be waiting for exactly this work.
                let unheard = self.queue().unheard.pop();
                if let Some((lane, leases)) = unheard {
                    passes.push(self.give_back(store, clock, lane, leases).boxed());
                    continue;
                }
                let Some(pass) = self.queue().begin_pass() else { break };
                passes.push(self.pass(store, clock, pass, lines).boxed());
            }
            // At once after the start; the interval is read anew each time, because it is shorter while no hints arrive.
            let search_at = searched_at.map_or_else(Instant::now, |at: Instant| at + self.queue().look_interval());
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = passes.next(), if !passes.is_empty() => {}
                () = self.wake.notified() => {}
                Some(()) = searches.next(), if !searches.is_empty() => {}
                () = tokio::time::sleep_until(search_at), if slow_poll && searches.is_empty() => {
                    searched_at = Some(Instant::now());
                    searches.push(self.search(store));
                }
                () = self.limited_due() => self.queue().mark_limited(),
            }
        }
        // Leases that the database has made already must still reach their polls.
        while passes.next().await.is_some() {}
        drop(passes);
        let unheard = self.queue().close();
        for (lane, leases) in unheard {
            self.give_back(store, clock, lane, leases).await;
        }
    }

    /// Marks the lanes in which polls and work wait. One statement for all lanes, so that idle brokers are quiet.
    async fn search(&self, store: &dyn Store) {
        let lanes = self.queue().polled_lanes();
        match store.waiting_lanes(&lanes).await {
            Ok(waiting) => {
                let mut queue = self.queue();
                waiting.iter().for_each(|lane| _ = queue.mark(lane));
            }
            Err(error) => tracing::debug!(%error, "cannot look for work yet; trying again"),
        }
    }

    fn register(&self, lane: &Lane, slot: ClaimSlot, is_last: bool) -> Result<(u64, oneshot::Receiver<Reply>), Error> {
        let added = add(&mut self.queue(), lane, slot, is_last)?;
        self.wake.notify_one();
        Ok(added)
    }

    /// Removes a poll from the queue; returns false if a pass with it is under way, which will answer it.
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
        match passes::dispatch(&pass.lane, pass.slots.len(), claim(store, clock, &pass)).await {
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
                    tracing::warn!(error = words, executor_type, held_back, "claim failed; trying again");
                }
                self.queue().fail_pass(&pass, &error.into());
                // The pass stays open during the pause, so that the lane is not tried again by every poll that comes.
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                self.queue().resume(&pass);
            }
        }
        self.wake.notify_one();
    }

    /// Releases the leases of callers who are gone.
    async fn give_back(&self, store: &dyn Store, clock: &dyn Clock, lane: Lane, leases: Vec<LeaseRef>) {
        release_unheard(store, clock, &leases).await;
        // The process is back in its lane, and its place under a limit is free again.
        self.wake(&lane);
        self.moved(lane.colony);
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, PollQueue> {
        // It is only ever changed in steps that cannot panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(
    queue: &mut PollQueue,
    lane: &Lane,
    slot: ClaimSlot,
    is_last: bool,
) -> Result<(u64, oneshot::Receiver<Reply>), Error> {
    if queue.closed {
        return Err(Error::Draining);
    }
    if queue.polls >= POLLS_MAX {
        return Err(Error::Overloaded(format!("{POLLS_MAX} claims wait at this broker")));
    }
    let (reply, answer) = oneshot::channel();
    Ok((queue.add(lane, slot, reply, is_last), answer))
}

/// Releases the leases of callers who are gone; returns false if that fails: then they end by themselves.
pub(in crate::engine) async fn release_unheard(store: &dyn Store, clock: &dyn Clock, leases: &[LeaseRef]) -> bool {
    let releases: Vec<_> = leases.iter().copied().map(Release::at_once).collect();
    let released = store.release(&releases, clock.now_ms()).await.inspect_err(|error| {
        tracing::warn!(
            %error, count = leases.len(), "cannot release the leases of disconnected clients; they will expire"
        );
    });
    released.is_ok()
}

/// Claims from the database. A panic in one lane must not end the dispatcher for all.
async fn claim(store: &dyn Store, clock: &dyn Clock, pass: &Pass) -> StoreResult<ClaimResult> {
    let claimed = AssertUnwindSafe(store.claim(&pass.lane, &pass.slots, clock)).catch_unwind().await;
    claimed.unwrap_or_else(|_| Err(StoreError::Refused("the claim failed half-way; the log says why".into())))
}

/// A poll in the queue, for as long as its caller waits.
pub(in crate::engine) struct QueuedPoll<D: Deref<Target = Dispatcher>> {
    dispatcher: D,
    lane: Lane,
    id: u64,
    answer: oneshot::Receiver<Reply>,
}

/// Claims that joined a commit.
pub(super) struct Joined {
    /// The poll of each claim, if it has one.
    pub(super) polls: Vec<Option<JoinedPoll>>,
    /// The pass for the commit to make.
    pub(super) pass: Option<Pass>,
    /// The numbers of the polls.
    pub(super) ids: Vec<u64>,
}

/// A poll that is handed around until its caller waits for it.
pub(in crate::engine) type JoinedPoll = QueuedPoll<Arc<Dispatcher>>;

impl<D: Deref<Target = Dispatcher>> QueuedPoll<D> {
    /// Waits for the answer. An empty answer is not an error.
    pub(in crate::engine) async fn answered(mut self) -> Reply {
        (&mut self.answer).await.unwrap_or_else(|_| Ok(PollResult::default()))
    }
}

impl<D: Deref<Target = Dispatcher>> Drop for QueuedPoll<D> {
    fn drop(&mut self) {
        self.dispatcher.queue().remove(&self.lane, self.id);
        // An answer may have been sent that the caller never reads.
        self.answer.close();
        if let Ok(Ok(given)) = self.answer.try_recv() {
            self.dispatcher.put_back(&self.lane, references(&given.claimed));
        }
    }
}

#[cfg(test)]
mod tests;
