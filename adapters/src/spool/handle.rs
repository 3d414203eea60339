//! The spool as the rest of the adapter sees it.

use std::path::Path;

use apiary_identity::{Document as _, Id, Spec};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::folder::Folder;
use super::totals::SpoolTotals;
use super::writer::{Answer, Ask, Job, Writer};
use super::database;
use crate::limits::SPOOL_QUEUE_MAX;
use crate::{SinkError, SpoolError, WebhookLimits};

/// A spool that this process holds. What is asked of it is done in order.
#[derive(Debug)]
pub(crate) struct Spool {
    jobs: mpsc::Sender<Job>,
    totals: watch::Receiver<SpoolTotals>,
    writer: TaskTracker,
    close: CancellationToken,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is on disk, now or since before.
    Kept,
    /// There is no room for it.
    Full,
}

/// The event that is first in the line.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Its place.
    pub(crate) seq: i64,
    /// Its name here.
    pub(crate) idempotency_key: String,
    /// The unsigned spec, as JSON.
    pub(crate) spec: Vec<u8>,
}

/// An event that the broker does not accept, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its name, which holds the sender's own, for example `stripe:live::evt_…`.
    pub idempotency_key: String,
    /// When it came, in milliseconds since 1970-01-01 UTC.
    pub received_ms: i64,
    /// When the broker refused it last, in milliseconds since 1970-01-01 UTC.
    pub refused_ms: i64,
    /// The exact reason, for example `INVALID`.
    pub reason: String,
    /// The broker's own words.
    pub message: String,
}

impl Spool {
    /// Takes a spool, with everything that is in it from before.
    pub(crate) async fn open(path: &Path, colony: Id, limits: &WebhookLimits) -> Result<Self, SpoolError> {
        let folder = Folder::take(path)?;
        let (connection, found) = database::open(&folder.database, colony).await?;
        if found.events() > 0 {
            let SpoolTotals { waiting_events, set_aside_events, .. } = found;
            tracing::info!(waiting_events, set_aside_events, path = %path.display(), "the spool holds events from before");
        }
        let (jobs, asked) = mpsc::channel(SPOOL_QUEUE_MAX);
        let close = CancellationToken::new();
        let (writer, totals) = Writer::new(folder, connection, found, limits, asked);
        let tasks = TaskTracker::new();
        tasks.spawn(writer.run(close.clone()));
        tasks.close();
        Ok(Self { jobs, totals, writer: tasks, close })
    }

    /// Puts an event at the end of the line; when this returns, it is on disk. May be dropped half-way: then the event is
    /// in the line, or it is not.
    pub(crate) async fn append(&self, spec: &Spec, received_ms: i64) -> Result<Appended, SpoolError> {
        let key = spec.idempotency_key.clone().unwrap_or_else(|| spec.process_id.to_string());
        let spec = spec.to_json().map_err(|error| self.failed(&error))?;
        match self.ask(Ask::Append { key, received_ms, spec }).await? {
            Answer::Appended(appended) => Ok(appended),
            other => Err(self.failed(&other)),
        }
    }

    /// The event that is first in the line.
    pub(crate) async fn first(&self) -> Result<Option<Waiting>, SpoolError> {
        match self.ask(Ask::First).await? {
            Answer::First(first) => Ok(first),
            other => Err(self.failed(&other)),
        }
    }
}
