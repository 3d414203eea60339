//! Who must be told when something moved: polls that wait for work, watchers, the sweeps' timer, other brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{Notify, broadcast, mpsc};
use uuid::Uuid;

use crate::engine::dispatch::dispatcher::Dispatcher;
use crate::engine::limits::cache::LimitBook;
use crate::engine::notify::ended::Ended;
use crate::limits::{COMMIT_QUEUE_MAX, WATCH_LAG_MAX};
use crate::model::{ColonyKey, Lane, RevokedGrant};

/// A process that entered a state. It says which, not what: whoever cares reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The tenant.
    pub(crate) colony: ColonyKey,
    /// The process.
    pub(crate) process_id: Uuid,
}

/// Something that other brokers on the same database may care about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Work waits in this lane.
    Work(Lane),
    /// A process moved.
    Change(Change),
    /// What keeps the colony's work from being handed out has changed: something may be free.
    Colony(ColonyKey),
    /// A process logged.
    Logged(Change),

    /// A grant is dead.
    Revoked(RevokedGrant),
    /// An executor of the colony says something else of itself, or somebody was granted something.
    Announced(ColonyKey),
}

/// The one place that is told of every move, after its commit.
#[derive(Clone)]
pub(crate) struct Wakeups {
    dispatcher: Arc<Dispatcher>,
    changes: broadcast::Sender<Change>,
    logs: broadcast::Sender<Change>,
    deadline: Arc<Deadline>,
    relay: Option<mpsc::Sender<Hint>>,
    limits: Arc<LimitBook>,
    ended: Arc<Ended>,
}

impl Wakeups {
    /// Wake-ups inside this broker; with a second half for [`crate::engine::notify::relay`] if there may be other brokers.
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

    /// Work waits in this lane.
    pub(crate) fn work(&self, lane: &Lane) {
        self.dispatcher.wake(lane);
        self.tell(|| Hint::Work(lane.clone()));
    }

    /// What keeps the colony's work from being handed out, or an executor from getting it, has changed: every poll of the colony
    /// is to be looked for.
    pub(crate) fn colony(&self, colony: ColonyKey) {
        self.look_again(colony);
        self.tell(|| Hint::Colony(colony));
    }

    fn look_again(&self, colony: ColonyKey) {
        self.limits.forget(colony);
        self.dispatcher.wake_colony(colony);
        // A `max_wait` that stood still under a pause may be over sooner than anything that was heard of.
        self.due_at(0);
    }

    /// A process moved.
    pub(crate) fn changed(&self, change: Change) {
        // Nobody watching is no error.
        let _ = self.changes.send(change);
        self.dispatcher.moved(change.colony);
        self.tell(|| Hint::Change(change));
    }

    /// A process ended, or is gone: what waits for it is looked at.
    pub(crate) fn ended(&self, change: Change) {
        self.changed(change);
        self.ended.note(change.process_id);
    }

    /// A process may have ended while another was submitted that waits for it.
    pub(crate) fn may_have_ended(&self, process_id: Uuid) {
        self.ended.note(process_id);
    }

    /// Those that ended, until somebody has looked at what waits for them.
    pub(crate) fn ended_processes(&self) -> Arc<Ended> {
        self.ended.clone()
    }

    /// A process logged. Told apart from its moves, so that only those who watch log lines look.
    pub(crate) fn logged(&self, change: Change) {
        let _ = self.logs.send(change);
        self.tell(|| Hint::Logged(change));
    }

    /// A lease, a block or a wait ends at this time.
    pub(crate) fn due_at(&self, ms: i64) {
        self.deadline.lower(ms);
    }

    /// A hint from another broker: acted on, not passed on. What is remembered is for [`crate::engine::notify::relay`].
    pub(crate) fn hear(&self, hint: &Hint) {
        match hint {
            Hint::Work(lane) => self.dispatcher.wake(lane),
            Hint::Colony(colony) => self.look_again(*colony),
            Hint::Change(change) => {
                let _ = self.changes.send(*change);
                self.dispatcher.moved(change.colony);
            }
            Hint::Logged(change) => {
                let _ = self.logs.send(*change);
            }
            Hint::Revoked(_) | Hint::Announced(_) => {}
        }
    }

    /// The limits of colonies, remembered.
    pub(crate) fn limits(&self) -> &LimitBook {
        &self.limits
    }

    /// Changes from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Processes that log, from now on.
    pub(crate) fn subscribe_to_logs(&self) -> broadcast::Receiver<Change> {
        self.logs.subscribe()
    }

    /// The sweeps' timer.
    pub(crate) fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// Something that other brokers remember is out of date.
    pub(crate) fn tell(&self, hint: impl FnOnce() -> Hint) {
        if let Some(relay) = &self.relay {
            // A full queue drops the hint: the others' slow poll finds the work.
            let _ = relay.try_send(hint());
        }
    }
}

/// The earliest time at which a sweep has something to do, as far as this broker has heard.
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

    /// Takes what was heard so far and starts anew.
    pub(crate) fn take(&self) -> i64 {
        self.earliest_ms.swap(i64::MAX, Ordering::AcqRel)
    }

    /// What was heard since the last [`take`](Self::take).
    pub(crate) fn heard(&self) -> i64 {
        self.earliest_ms.load(Ordering::Acquire)
    }

    /// Returns when an earlier time was heard than any since the last [`take`](Self::take).
    pub(crate) async fn lowered(&self) {
        self.lowered.notified().await;
    }
}
