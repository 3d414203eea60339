//! Wake-ups after a change: for waiting polls, watches, the sweeps' timer, and other brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apiary_store::model::{ColonyKey, Lane, LeaseEnd, ProcessState, RevokedGrant};
use tokio::sync::{Notify, broadcast, mpsc};
use uuid::Uuid;

use crate::engine::dispatch::dispatcher::Dispatcher;
use crate::engine::limits::cache::LimitCache;
use crate::engine::notify::ended::EndedProcesses;
use crate::limits::{COMMIT_QUEUE_MAX, WATCH_LAG_MAX};

/// A process that entered a state. It carries the id only: the receiver reads the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The tenant.
    pub(crate) colony: ColonyKey,
    /// The process.
    pub(crate) process_id: Uuid,
}

/// A change, with the state that the process entered, if this broker knows it. Leaving that state again is a change of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    /// The change.
    pub(crate) change: Change,
    /// The state; `None` if it must be read.
    pub(crate) state: Option<ProcessState>,
}

/// A change that other brokers on the same database may need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Work waits in this lane.
    Work(Lane),
    /// A process changed state.
    Change(Change),
    /// A pause or a limit of the colony changed: some of its work may be free.
    Colony(ColonyKey),
    /// A process logged.
    Logged(Change),

    /// A grant was revoked.
    Revoked(RevokedGrant),
    /// An executor of the colony announced something else, or a grant was added.
    Announced(ColonyKey),
}

/// The receiver of every change, after its commit.
#[derive(Clone)]
pub(crate) struct Wakeups {
    dispatcher: Arc<Dispatcher>,
    changes: broadcast::Sender<Transition>,
    logs: broadcast::Sender<Change>,
    deadline: Arc<Deadline>,
    relay: Option<mpsc::Sender<Hint>>,
    limits: Arc<LimitCache>,
    ended: Arc<EndedProcesses>,
}

impl Wakeups {
    /// Returns the wake-ups inside this broker; with a receiver for [`crate::engine::notify::relay`] if there may be other brokers.
    pub(crate) fn start(dispatcher: Arc<Dispatcher>, shared: bool) -> (Self, Option<mpsc::Receiver<Hint>>) {
        let (relay, hints) = if shared {
            let (sender, receiver) = mpsc::channel(COMMIT_QUEUE_MAX);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let changes = broadcast::Sender::new(WATCH_LAG_MAX);
        let logs = broadcast::Sender::new(WATCH_LAG_MAX);
        let deadline = Arc::new(Deadline::default());
        (Self { dispatcher, changes, logs, deadline, relay, limits: Arc::default(), ended: Arc::default() }, hints)
    }

    /// Wakes the polls of this lane, here and at other brokers.
    pub(crate) fn work(&self, lane: &Lane) {
        self.dispatcher.wake(lane);
        self.tell(|| Hint::Work(lane.clone()));
    }

    /// Wakes every poll of the colony, here and at other brokers, because a pause, a limit, or the drain of an executor has
    /// changed.
    pub(crate) fn colony(&self, colony: ColonyKey) {
        self.look_again(colony);
        self.tell(|| Hint::Colony(colony));
    }

    fn look_again(&self, colony: ColonyKey) {
        self.limits.forget(colony);
        self.dispatcher.wake_colony(colony);
        // A `max_wait` that stopped under a pause may be over sooner than any known deadline.
        self.due_at(0);
    }

    /// Tells watches, limited lanes and other brokers that a process changed state.
    pub(crate) fn changed(&self, change: Change) {
        self.transit(Transition { change, state: None });
    }

    /// Does the same as [`changed`](Self::changed), with the state that the process entered, so that watches of other states need not read
    /// it.
    pub(crate) fn entered(&self, change: Change, state: ProcessState) {
        self.transit(Transition { change, state: Some(state) });
    }

    fn transit(&self, transition: Transition) {
        self.observe(transition);
        self.tell(|| Hint::Change(transition.change));
    }

    /// Tells watches and limited lanes of this broker.
    fn observe(&self, transition: Transition) {
        // Without a watch, sending fails; that is no error.
        let _ = self.changes.send(transition);
        self.dispatcher.moved(transition.change.colony);
    }

    /// Tells that a process ended, or is gone: its children are checked.
    pub(crate) fn ended(&self, change: Change) {
        self.changed(change);
        self.ended.note(change.process_id);
    }

    /// Tells that a lease was given back: its process waits again, or was cancelled.
    pub(crate) fn given_back(&self, lane: &Lane, process_id: Uuid, end: LeaseEnd) {
        let change = Change { colony: lane.colony, process_id };
        if end == LeaseEnd::Done {
            self.work(lane);
            self.changed(change);
        } else {
            self.ended(change);
        }
    }

    /// Notes that a process may have ended while a child of it was submitted.
    pub(crate) fn may_have_ended(&self, process_id: Uuid) {
        self.ended.note(process_id);
    }

    /// Returns the processes that ended, until their children were checked.
    pub(crate) fn ended_processes(&self) -> Arc<EndedProcesses> {
        self.ended.clone()
    }

    /// Tells that a process logged. Separate from state changes, so that only watches of log lines read.
    pub(crate) fn logged(&self, change: Change) {
        let _ = self.logs.send(change);
        self.tell(|| Hint::Logged(change));
    }

    /// Notes that a lease, a block or a wait ends at this time.
    pub(crate) fn due_at(&self, ms: i64) {
        self.deadline.lower(ms);
    }

    /// Acts on a hint from another broker, and does not pass it on. [`crate::engine::notify::relay`] invalidates the caches.
    pub(crate) fn hear(&self, hint: &Hint) {
        match hint {
            Hint::Work(lane) => self.dispatcher.wake(lane),
            Hint::Colony(colony) => self.look_again(*colony),
            Hint::Change(change) => self.observe(Transition { change: *change, state: None }),
            Hint::Logged(change) => {
                let _ = self.logs.send(*change);
            }
            Hint::Revoked(_) | Hint::Announced(_) => {}
        }
    }

    /// Returns the cached limits of colonies.
    pub(crate) fn limits(&self) -> &LimitCache {
        &self.limits
    }

    /// Subscribes to the changes from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Transition> {
        self.changes.subscribe()
    }

    /// Subscribes to the processes that log, from now on.
    pub(crate) fn subscribe_to_logs(&self) -> broadcast::Receiver<Change> {
        self.logs.subscribe()
    }

    /// Notes whether other brokers' hints arrive: if not, what they store must be looked for.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.dispatcher.set_deaf(is_deaf);
    }

    /// Returns the sweeps' timer.
    pub(crate) fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// Sends a hint to the other brokers, if there are any.
    pub(crate) fn tell(&self, hint: impl FnOnce() -> Hint) {
        if let Some(relay) = &self.relay {
            // A full queue drops the hint: the others' slow poll finds the work.
            let _ = relay.try_send(hint());
        }
    }
}

/// The earliest known time at which a sweep has something to do.
pub(crate) struct Deadline {
    earliest_ms: AtomicI64,
    lowered: Notify,
}

impl Default for Deadline {
    fn default() -> Self {
        Self { earliest_ms: AtomicI64::new(i64::MAX), lowered: Notify::new() }
    }
}

impl Deadline {
    fn lower(&self, ms: i64) {
        if self.earliest_ms.fetch_min(ms, Ordering::AcqRel) > ms {
            self.lowered.notify_one();
        }
    }

    /// Takes the earliest time, and starts anew.
    pub(crate) fn take(&self) -> i64 {
        self.earliest_ms.swap(i64::MAX, Ordering::AcqRel)
    }

    /// Returns the earliest time noted since the last [`take`](Self::take).
    pub(crate) fn heard(&self) -> i64 {
        self.earliest_ms.load(Ordering::Acquire)
    }

    /// Completes when an earlier time was noted than any since the last [`take`](Self::take).
    pub(crate) async fn lowered(&self) {
        self.lowered.notified().await;
    }
}
