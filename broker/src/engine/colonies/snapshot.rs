//! Snapshots of a colony: its whole state at one moment, once, or again and again until the caller goes away.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use apiary_store::model::{Colony, Page, Pause, ProcessState};
use futures::FutureExt as _;
use tokio::sync::mpsc;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::colonies::get_health::Health;
use crate::engine::executors::list::{ExecutorPage, ExecutorQuery};
use crate::engine::limits::list::LimitWithUses;
use crate::engine::notify::watches::{MemoryShare, WatchSlot};
use crate::limits::{SNAPSHOT_EXECUTORS_MAX, WATCH_READ_BYTES_MAX, WATCH_STALL_MAX};

/// The state of a colony at one moment.
pub(crate) struct ColonySnapshot {
    /// The time.
    pub(crate) now_ms: i64,
    /// True if the broker takes and hands out work.
    pub(crate) is_ready: bool,
    /// The colony.
    pub(crate) colony: Colony,
    /// The number of processes in each state that has any.
    pub(crate) counts: Vec<(ProcessState, i64)>,
    /// The findings, and the waiting work.
    pub(crate) health: Health,
    /// The first executors.
    pub(crate) executors: ExecutorPage,
    /// The pauses.
    pub(crate) pauses: Vec<Pause>,
    /// The limits.
    pub(crate) limits: Vec<LimitWithUses>,
    /// The memory that it takes until its reader has it; `None` for a single snapshot.
    pub(crate) room: Option<MemoryShare>,
}

impl Engine {
    /// Returns the colony's state. The right to its health includes the rights to all parts of it.
    pub(crate) async fn snapshot(&self, permit: &Permit<action::GetHealth>) -> Result<ColonySnapshot, Error> {
        self.snapshot_of(permit.colony()).await
    }

    /// Starts to send snapshots, one now and the next ones at this interval; ends with the receiver, the grant, or the broker.
    pub(crate) async fn follow_snapshots(
        self: &Arc<Self>,
        permit: Permit<action::GetHealth>,
        every: Duration,
    ) -> Result<mpsc::Receiver<Result<ColonySnapshot, Error>>, Error> {
        let place = self.place(&permit).await?;
        // One that waits for its reader, and the error that ends it.
        let (sender, receiver) = mpsc::channel(2);
        let follower = Follower { engine: self.clone(), colony: permit.colony().clone(), place, sender, every };
        self.tasks.track(follower.run());
        Ok(receiver)
    }

    async fn snapshot_of(&self, colony: &Colony) -> Result<ColonySnapshot, Error> {
        let page = Page { size: SNAPSHOT_EXECUTORS_MAX, after: None };
        let (is_ready, health) = self.health_of(colony).await?;
        Ok(ColonySnapshot {
            now_ms: self.clock.now_ms(),
            is_ready,
            colony: colony.clone(),
            counts: self.counts_of(colony).await?,
            health,
            executors: self.executor_page(colony, &ExecutorQuery::default(), page).await?,
            pauses: self.store.list_pauses(colony.key).await?,
            limits: self.limits_with_uses(colony, true).await?,
            room: None,
        })
    }
}

/// The sender of a stream of snapshots.
struct Follower {
    engine: Arc<Engine>,
    colony: Colony,
    place: WatchSlot,
    sender: mpsc::Sender<Result<ColonySnapshot, Error>>,
    every: Duration,
}

impl Follower {
    async fn run(self) {
        // Reserved from the start: a client that reads slowly must still learn why the stream ended.
        let Ok(last) = self.sender.clone().reserve_owned().await else { return };
        let error = tokio::select! {
            // The end of a grant comes before anything that it would have shown.
            biased;
            ended = self.place.ended() => ended,
            () = self.sender.closed() => return,
            () = self.engine.stopping() => Error::Draining,
            ended = AssertUnwindSafe(self.follow()).catch_unwind() => {
                ended.unwrap_or_else(|_| Error::Internal("the stream failed; the log says why".into()))
            }
        };
        last.send(Err(error));
    }

    /// Sends snapshots until one cannot be read or sent; returns the reason.
    async fn follow(&self) -> Error {
        loop {
            if let Err(error) = self.send().await {
                return error;
            }
            tokio::time::sleep(self.every).await;
        }
    }

    async fn send(&self) -> Result<(), Error> {
        // Room is taken before the read: many streams must not hold all their snapshots in memory at once.
        let room = self.place.room(WATCH_READ_BYTES_MAX).await?;
        let snapshot = ColonySnapshot { room: Some(room), ..self.engine.snapshot_of(&self.colony).await? };
        let slow =
            |_| Error::Overloaded(format!("the stream was not read for {} s: it ended", WATCH_STALL_MAX.as_secs()));
        self.sender.send_timeout(Ok(snapshot), WATCH_STALL_MAX).await.map_err(slow)
    }
}
