//! Watching processes move. A watch tells what a process is now; states that pass while it reads may be left out, the last
//! one never.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use super::wakeups::Change;
use crate::Error;
use crate::auth::{Permit, action};
use crate::model::{ColonyKey, ProcessFilter, ProcessSummary};
use crate::store::Store;

/// One process is read again this often without a sign, because another broker's hint may get lost.
const SLOW_LOOK: Duration = Duration::from_secs(5);
/// Processes read in one go.
const READ_MAX: usize = 200;
/// What a client may be behind before the watch waits for it.
const AHEAD_MAX: usize = 64;

/// What to watch.
pub(crate) enum WatchTarget {
    /// One process, until it is finished.
    Process(Uuid),
    /// All that match, for as long as somebody watches.
    Filter(ProcessFilter),
}

type Sightings = mpsc::Sender<Result<ProcessSummary, Error>>;

impl Engine {
    /// Starts a watch; it ends with the receiver.
    pub(crate) async fn watch(
        &self,
        permit: Permit<action::Watch>,
        target: WatchTarget,
    ) -> Result<mpsc::Receiver<Result<ProcessSummary, Error>>, Error> {
        let place = self.watches.clone().try_acquire_owned().map_err(|_| {
            Error::Overloaded(format!("{} watches are open at this broker", crate::limits::WATCHES_MAX))
        })?;
        let colony = permit.colony().key;
        // Subscribed before the first look, so that nothing falls between them.
        let changes = self.wakeups.subscribe();
        if let WatchTarget::Process(process_id) = target {
            let known = self.store.get_process(colony, process_id).await?;
            known.ok_or_else(|| Error::NotFound(format!("no process {process_id} in this colony")))?;
        }
        // One place more, for the error that ends it.
        let (sender, receiver) = mpsc::channel(AHEAD_MAX + 1);
        let watch = Watch { store: self.store.clone(), colony, changes, sender, drain: self.drain.clone() };
        self.tasks.spawn(async move {
            let _place = place;
            watch.run(target).await;
        });
        Ok(receiver)
    }
}

struct Watch {
    store: Arc<dyn Store>,
    colony: ColonyKey,
    changes: broadcast::Receiver<Change>,
    sender: Sightings,
    drain: CancellationToken,
}

impl Watch {
    async fn run(mut self, target: WatchTarget) {
        let closed = self.sender.clone();
        // Kept from the start: whoever reads slowly must still learn that the watch ended too early.
        let Ok(last) = self.sender.clone().reserve_owned().await else { return };
        let drain = self.drain.clone();
        let ended = tokio::select! {
            () = closed.closed() => return,
            () = drain.cancelled() => Err(Error::Draining),
            ended = self.follow(&target) => ended,
        };
        if let Err(error) = ended {
            last.send(Err(error));
        }
    }

    async fn follow(&mut self, target: &WatchTarget) -> Result<(), Error> {
        match target {
            WatchTarget::Process(process_id) => self.follow_one(*process_id).await,
            WatchTarget::Filter(filter) => self.follow_many(filter).await,
        }
    }

    async fn follow_one(&mut self, process_id: Uuid) -> Result<(), Error> {
        let mut last = None;
        loop {
            let now = self.store.summaries(&[process_id]).await?.pop();
            let now = now.ok_or_else(|| Error::NotFound(format!("process {process_id} was deleted meanwhile")))?;
            if last.as_ref() != Some(&now) {
                let finished = now.state.is_finished();
                last = Some(now.clone());
                if self.sender.send(Ok(now)).await.is_err() || finished {
                    return Ok(());
                }
            }
            // A look without a sign also covers a lagging receiver.
            let _ = tokio::time::timeout(SLOW_LOOK, self.next_change_of(process_id)).await;
        }
    }

    async fn next_change_of(&mut self, process_id: Uuid) {
        loop {
            match self.changes.recv().await {
                Ok(change) if change.process_id == process_id => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    async fn follow_many(&mut self, filter: &ProcessFilter) -> Result<(), Error> {
        loop {
            let moved = self.gather().await?;
            let moved: Vec<_> = moved.into_iter().collect();
            for ids in moved.chunks(READ_MAX) {
                for process in self.store.summaries(ids).await? {
                    if process.colony == self.colony
                        && filter.matches(&process)
                        && self.sender.send(Ok(process)).await.is_err()
                    {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits for a change in this colony, and takes all others that are there by then.
    async fn gather(&mut self) -> Result<BTreeSet<Uuid>, Error> {
        let mut moved = BTreeSet::new();
        while moved.is_empty() {
            let received = self.changes.recv().await;
            self.note(received, &mut moved)?;
        }
        loop {
            match self.changes.try_recv() {
                Ok(change) => self.note(Ok(change), &mut moved)?,
                Err(broadcast::error::TryRecvError::Lagged(count)) => {
                    self.note(Err(broadcast::error::RecvError::Lagged(count)), &mut moved)?;
                }
                Err(_) => return Ok(moved),
            }
        }
    }

    fn note(
        &self,
        received: Result<Change, broadcast::error::RecvError>,
        moved: &mut BTreeSet<Uuid>,
    ) -> Result<(), Error> {
        match received {
            Ok(change) => {
                if change.colony == self.colony {
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::error::TrySendError;

    use super::*;
    use crate::store::sqlite::SqliteStore;

    #[tokio::test]
    async fn a_slow_reader_still_learns_why_the_watch_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("broker.db")).await.unwrap());
        let (sender, mut receiver) = mpsc::channel(AHEAD_MAX + 1);
        let (changes, drain) = (broadcast::Sender::new(1), CancellationToken::new());
        let filling = sender.clone();
        let watch = Watch { store, colony: ColonyKey(1), changes: changes.subscribe(), sender, drain: drain.clone() };
        let mut running = Box::pin(watch.run(WatchTarget::Filter(ProcessFilter::default())));
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
