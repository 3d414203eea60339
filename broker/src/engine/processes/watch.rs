//! Watches of processes. A watch reports the current state; states that pass while it reads may be left out, but never the last
//! one. It ends with the grant that it was opened under.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use apiary_identity::Id;
use apiary_store::Store;
use apiary_store::model::{
    ColonyKey, LogCursor, LogFilter, LogLine, Page, ProcessFilter, ProcessSummary, cut_to_bytes,
};
use futures::FutureExt as _;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::notify::wakeups::{Change, Transition};
use crate::engine::notify::watches::{MemoryShare, WatchSlot};
use crate::engine::processes::list_logs::bytes_of;
use crate::engine::processes::operations::no_process;
use crate::engine::processes::shown::{hide, submitted_by};
use crate::grant_cache::GrantCache;
use crate::hearing::Hearing;
use crate::limits::{PAGE_BYTES_MAX, WATCH_LINES_MAX, WATCH_PROCESSES_MAX, WATCH_READ_BYTES_MAX, WATCH_STALL_MAX};

/// Bytes of a process's names and numbers, at the most; texts and labels come on top.
const PROCESS_BYTES: usize = 1024;
/// The most messages that a client may be behind before the watch waits for it.
const AHEAD_MAX: usize = 64;
/// The same for a watch with log lines, which are longer.
const AHEAD_WITH_LOGS_MAX: usize = 2;

/// The processes to watch.
pub(crate) enum WatchTarget {
    /// A process, until it is finished.
    Process {
        /// The process id.
        process_id: Uuid,
        /// True to include its log lines, from now on.
        logs: bool,
    },
    /// All processes that match, until the client goes away.
    Filter(Box<ProcessFilter>),
}

/// A message of a watch.
#[derive(Debug)]
pub(crate) enum WatchEvent {
    /// A process as it is now.
    Process(Box<ProcessSummary>),
    /// Log lines that came since the last message.
    Logs(Vec<LogLine>),
}

/// A message of a watch, with the memory that it takes until its client has it.
#[derive(Debug)]
pub(crate) struct WatchMessage {
    /// The message.
    pub(crate) sighting: WatchEvent,
    /// The memory, freed once the client has asked for more.
    pub(crate) room: Option<MemoryShare>,
}

/// The position in the log of the watched process.
struct LogReader {
    signs: broadcast::Receiver<Change>,
    last: LogCursor,
}

impl Engine {
    /// Starts a watch; it ends with the receiver.
    pub(crate) async fn watch(
        &self,
        permit: Permit<action::Watch>,
        target: WatchTarget,
    ) -> Result<mpsc::Receiver<Result<WatchMessage, Error>>, Error> {
        let place = Arc::new(self.place(&permit).await?);
        let colony = permit.colony().key;
        let mut is_hidden = false;
        // Subscribed before the first read, so that no change falls between them.
        let changes = self.wakeups.subscribe();
        let mut logs = None;
        if let WatchTarget::Process { process_id, logs: with_logs } = target {
            let known = self.store.get_process(colony, process_id).await?;
            let known = known.ok_or_else(|| no_process(permit.colony(), process_id))?;
            self.check_shown(&permit, process_id, known.submitter).await?;
            if with_logs {
                let attempts = self.store.attempts(process_id).await?;
                let executors = attempts.iter().map(|attempt| attempt.executor);
                is_hidden = self.hides_payloads(&permit, known.submitter, executors).await?;
                let signs = self.wakeups.subscribe_to_logs();
                let newest = self.store.list_last_logs(colony, &of_process(process_id), 1).await?;
                logs =
                    Some(LogReader { signs, last: newest.first().map_or_else(LogCursor::default, |line| line.line) });
            }
        }
        // One slot more, for the error that ends it.
        let ahead = if logs.is_some() { AHEAD_WITH_LOGS_MAX } else { AHEAD_MAX };
        let (sender, receiver) = mpsc::channel(ahead + 1);
        let watch = Watch {
            store: self.store.clone(),
            grants: self.grants.clone(),
            colony,
            own: permit.own_only(),
            is_hidden,
            place,
            changes,
            logs,
            sender,
            hearing: self.hearing.clone(),
            drain: self.drain.clone(),
        };
        self.tasks.track(watch.run(target));
        Ok(receiver)
    }
}

struct Watch {
    store: Arc<dyn Store>,
    grants: Arc<GrantCache>,
    colony: ColonyKey,
    /// The key whose processes alone are shown, if not all are.
    own: Option<Id>,
    /// True if the text of log lines is not for the caller.
    is_hidden: bool,
    place: Arc<WatchSlot>,
    changes: broadcast::Receiver<Transition>,
    logs: Option<LogReader>,
    sender: mpsc::Sender<Result<WatchMessage, Error>>,
    hearing: Hearing,
    drain: CancellationToken,
}

impl Watch {
    async fn run(mut self, target: WatchTarget) {
        let closed = self.sender.clone();
        // Reserved from the start: a client that reads slowly must still learn that the watch ended too early.
        let Ok(last) = self.sender.clone().reserve_owned().await else { return };
        let (drain, place) = (self.drain.clone(), self.place.clone());
        let ended = tokio::select! {
            // The end of a grant comes before anything that it would have shown.
            biased;
            ended = place.ended() => Err(ended),
            () = closed.closed() => return,
            () = drain.cancelled() => Err(Error::Draining),
            ended = AssertUnwindSafe(self.follow(&target)).catch_unwind() => {
                ended.unwrap_or_else(|_| Err(Error::Internal("the watch failed; the log says why".into())))
            }
        };
        if let Err(error) = ended {
            last.send(Err(error));
        }
    }

    async fn follow(&mut self, target: &WatchTarget) -> Result<(), Error> {
        match target {
            WatchTarget::Process { process_id, .. } => self.follow_one(*process_id).await,
            WatchTarget::Filter(filter) => self.follow_many(filter).await,
        }
    }

    async fn follow_one(&mut self, process_id: Uuid) -> Result<(), Error> {
        let mut last = None;
        loop {
            let room = self.place.room(WATCH_READ_BYTES_MAX).await?;
            let now = self.store.summaries(&[process_id]).await?.pop();
            let now = now.ok_or_else(|| Error::NotFound(format!("process {process_id} was deleted meanwhile")))?;
            let room = room.keep(weight(&now));
            let finished = now.state.is_finished();
            // A hint does not always mean a visible change, and the same state is not sent twice.
            let told = (last.as_ref() != Some(&now)).then(|| {
                last = Some(now.clone());
                WatchMessage { sighting: WatchEvent::Process(Box::new(now)), room }
            });
            // After the state: a finished process logs no more, so its last lines are among these.
            self.tell_logs(process_id).await?;
            if let Some(told) = told
                && (!self.tell(told).await? || finished)
            {
                return Ok(());
            }
            // Read again without a sign, because another broker's hint may get lost; it also covers a lagging receiver.
            let signs = self.logs.as_mut().map(|logs| &mut logs.signs);
            let _ = tokio::time::timeout(self.hearing.interval(), sign_of(process_id, &mut self.changes, signs)).await;
        }
    }

    /// Sends the log lines that came since the last read.
    async fn tell_logs(&mut self, process_id: Uuid) -> Result<(), Error> {
        let Some(reader) = &self.logs else { return Ok(()) };
        let mut last = reader.last;
        loop {
            // Room is taken before the read, not after: otherwise a thousand watches could hold their pages in memory at once.
            let room = self.place.room(WATCH_READ_BYTES_MAX).await?;
            let page = Page { size: WATCH_LINES_MAX, after: Some(last) };
            let mut lines = self.store.list_logs(self.colony, &of_process(process_id), page).await?;
            let Some(newest) = lines.last().map(|line| line.line) else { break };
            last = newest;
            let told = lines.len();
            if self.is_hidden {
                lines.iter_mut().for_each(hide);
            }
            // The bound of one message; a page of lines is below it, unless the database was tampered with.
            cut_to_bytes(&mut lines, PAGE_BYTES_MAX, bytes_of);
            let room = room.keep(lines.iter().map(bytes_of).sum());
            if !self.tell(WatchMessage { sighting: WatchEvent::Logs(lines), room }).await?
                || told < usize::try_from(WATCH_LINES_MAX).unwrap_or(0)
            {
                break;
            }
        }
        if let Some(reader) = &mut self.logs {
            reader.last = last;
        }
        Ok(())
    }

    /// Sends one message to the client; false if the client is gone. A client that does not read is cut off: what waits for it takes
    /// memory, and a place that another could have.
    async fn tell(&self, told: WatchMessage) -> Result<bool, Error> {
        match self.sender.send_timeout(Ok(told), WATCH_STALL_MAX).await {
            Ok(()) => Ok(true),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Ok(false),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                Err(Error::Overloaded(format!("the watch was not read for {} s: it ended", WATCH_STALL_MAX.as_secs())))
            }
        }
    }

    async fn follow_many(&mut self, filter: &ProcessFilter) -> Result<(), Error> {
        loop {
            let moved = self.gather(filter).await?;
            let moved: Vec<_> = moved.into_iter().collect();
            for ids in moved.chunks(WATCH_PROCESSES_MAX) {
                for told in self.matching(ids, filter).await? {
                    if !self.tell(told).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Returns the messages for those of these processes that are of this colony and match. The memory that was taken for reading them is
    /// freed again, except for what they need.
    async fn matching(&self, ids: &[Uuid], filter: &ProcessFilter) -> Result<Vec<WatchMessage>, Error> {
        let mut room = self.place.room(WATCH_READ_BYTES_MAX).await?;
        let mut processes = self.store.summaries(ids).await?;
        processes.retain(|process| process.colony == self.colony && filter.matches(process));
        if let Some(key) = &self.own {
            processes = submitted_by(&self.grants, key, processes).await?;
        }
        let told = |process: ProcessSummary| {
            let room = room.split(weight(&process));
            WatchMessage { sighting: WatchEvent::Process(Box::new(process)), room }
        };
        Ok(processes.into_iter().map(told).collect())
    }

    /// Waits for a change in this colony that may match, and takes all others that have come by then.
    async fn gather(&mut self, filter: &ProcessFilter) -> Result<BTreeSet<Uuid>, Error> {
        let mut moved = BTreeSet::new();
        while moved.is_empty() {
            let received = self.changes.recv().await;
            self.note(filter, received, &mut moved)?;
        }
        // Many changes of one process become one read.
        loop {
            match self.changes.try_recv() {
                Ok(change) => self.note(filter, Ok(change), &mut moved)?,
                Err(broadcast::error::TryRecvError::Lagged(count)) => {
                    self.note(filter, Err(broadcast::error::RecvError::Lagged(count)), &mut moved)?;
                }
                Err(_) => return Ok(moved),
            }
        }
    }

    fn note(
        &self,
        filter: &ProcessFilter,
        received: Result<Transition, broadcast::error::RecvError>,
        moved: &mut BTreeSet<Uuid>,
    ) -> Result<(), Error> {
        match received {
            Ok(Transition { change, state }) => {
                // A process that entered a state which is not watched is not read; its next state has a change of its own.
                let may_match = state.is_none_or(|state| filter.states.is_empty() || filter.states.contains(&state));
                if change.colony == self.colony && may_match {
                    moved.insert(change.process_id);
                }
                Ok(())
            }
            Err(broadcast::error::RecvError::Lagged(count)) => Err(Error::Overloaded(format!(
                "the watch fell {count} changes behind: read faster, or narrow the filter"
            ))),
            Err(broadcast::error::RecvError::Closed) => Err(Error::Draining),
        }
    }
}

/// Returns roughly the bytes of a process in memory.
fn weight(process: &ProcessSummary) -> usize {
    let words = [&process.reason, &process.progress].into_iter().flatten().map(String::len);
    let labels = process.labels.iter().map(|(key, value)| key.len() + value.len());
    PROCESS_BYTES + words.sum::<usize>() + labels.sum::<usize>()
}

/// Returns the filter for all log lines of a process.
fn of_process(process_id: Uuid) -> LogFilter {
    LogFilter { process_id: Some(process_id), ..LogFilter::default() }
}

/// Waits until this process changed state, or logged. A receiver that lags has missed something, which counts as a change, too.
async fn sign_of(
    process_id: Uuid,
    changes: &mut broadcast::Receiver<Transition>,
    logs: Option<&mut broadcast::Receiver<Change>>,
) {
    match logs {
        None => next_of(process_id, changes, |transition| transition.change).await,
        Some(logs) => tokio::select! {
            () = next_of(process_id, changes, |transition| transition.change) => {}
            () = next_of(process_id, logs, |change| change) => {}
        },
    }
}

async fn next_of<T: Clone>(process_id: Uuid, changes: &mut broadcast::Receiver<T>, change: impl Fn(T) -> Change) {
    while let Ok(received) = changes.recv().await {
        if change(received).process_id == process_id {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use apiary_identity::{KeyPair, SystemClock};
    use apiary_store::model::RevokedGrant;
    use apiary_store_sqlite::SqliteStore;
    use tokio::sync::mpsc::error::TrySendError;

    use super::*;
    use crate::engine::notify::watches::Watches;
    use crate::grant_cache::UnderGrants;

    /// A broker on which no grant ends.
    struct Unending;

    impl UnderGrants for Unending {
        fn end(&self, _: &[RevokedGrant]) {}
    }

    #[tokio::test]
    async fn a_slow_reader_still_learns_why_the_watch_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("broker.db")).await.unwrap());
        let (sender, mut receiver) = mpsc::channel(AHEAD_MAX + 1);
        let (changes, drain) = (broadcast::Sender::new(1), CancellationToken::new());
        let filling = sender.clone();
        let (colony, changes) = (ColonyKey(1), changes.subscribe());
        let watches = Arc::new(Watches::new(Arc::new(SystemClock)));
        let place = Arc::new(watches.take((colony, KeyPair::generate().id()), None).unwrap());
        let watch = Watch {
            grants: Arc::new(GrantCache::new(store.clone(), Arc::new(SystemClock), Arc::new(Unending), None)),
            store,
            colony,
            own: None,
            is_hidden: false,
            place,
            changes,
            logs: None,
            sender,
            hearing: Hearing::default(),
            drain: drain.clone(),
        };
        let mut running = Box::pin(watch.run(WatchTarget::Filter(Box::default())));
        assert!(futures::poll!(&mut running).is_pending());
        while !matches!(filling.try_send(Err(Error::Unsigned)), Err(TrySendError::Full(_))) {}
        drain.cancel();
        running.await;
        drop(filling);
        let mut last = None;
        while let Some(seen) = receiver.recv().await {
            last = Some(seen);
        }
        assert!(matches!(last, Some(Err(Error::Draining))), "{last:?}");
    }
}
