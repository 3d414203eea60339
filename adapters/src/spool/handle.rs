//! The spool's interface to the rest of the adapter.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use apiary_daemon::Supervisor;
use apiary_database::Commits;
use apiary_identity::{Document as _, Id, Spec};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::database;
use super::folder::Folder;
use super::reserve::Reserve;
use super::totals::SpoolTotals;
use super::writer::{Answer, Ask, Job, Writer};
use crate::limits::{REFUSAL_CHARS_MAX, SPOOL_COMMIT_AGE_MAX, SPOOL_PROOF_TIME_MAX, SPOOL_QUEUE_MAX};
use crate::{SinkError, SpoolError, WebhookLimits};

/// A spool used by this process. Requests are handled in order.
pub(crate) struct Spool {
    jobs: mpsc::Sender<Job>,
    totals: watch::Receiver<SpoolTotals>,
    writer: Supervisor,
    close: CancellationToken,
    path: PathBuf,
    commits: Commits,
    /// Version of the file at the last count.
    seen: AtomicI64,
}

/// Result of appending an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// The event is on disk, now or from before.
    Kept,
    /// No room for the event.
    Full,
}

/// The first event in the line.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Position in the line.
    pub(crate) seq: i64,
    /// Idempotency key.
    pub(crate) idempotency_key: String,
    /// Arrival time, in milliseconds since 1970-01-01 UTC.
    pub(crate) received_ms: i64,
    /// The unsigned spec, as JSON.
    pub(crate) spec: Vec<u8>,
}

/// An event that the broker rejects, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Idempotency key, which contains the sender's id of the event, for example `stripe:live::evt_…`.
    pub idempotency_key: String,
    /// Arrival time, in milliseconds since 1970-01-01 UTC.
    pub received_ms: i64,
    /// Time of the last rejection, in milliseconds since 1970-01-01 UTC.
    pub refused_ms: i64,
    /// The exact reason, for example `INVALID`.
    pub reason: String,
    /// The broker's message.
    pub message: String,
}

impl Spool {
    /// Opens a spool, with the events that it holds.
    pub(crate) async fn open(
        path: &Path,
        colony: Id,
        limits: &WebhookLimits,
        tasks: &Supervisor,
    ) -> Result<Self, SpoolError> {
        let folder = Folder::take(path)?;
        let mut reserve = Reserve::take(path).await;
        let opened = match database::open(&folder.database, colony).await {
            // Opening the file needs room, too, if its last user was killed.
            Err(SpoolError::Full { .. } | SpoolError::Failed { .. }) if reserve.give_up().await => {
                database::open(&folder.database, colony).await
            }
            opened => opened,
        };
        let (database, found) = opened?;
        if found.events() > 0 {
            let SpoolTotals { waiting_events, set_aside_events, .. } = found;
            let path = path.display();
            tracing::info!(waiting_events, set_aside_events, %path, "the spool holds events from before the start");
        }
        let (jobs, asked) = mpsc::channel(SPOOL_QUEUE_MAX);
        let commits = database.commits().clone();
        let close = CancellationToken::new();
        let (writer, totals) = Writer::new(folder, reserve, database, colony, found, limits, asked);
        let tasks = tasks.group();
        let state = (writer, close.clone());
        tasks.spawn("spool writer", close.clone(), state, |(writer, close)| Box::pin(writer.run(close)));
        tasks.close();
        Ok(Self { jobs, totals, writer: tasks, close, path: path.to_owned(), commits, seen: AtomicI64::new(0) })
    }

    /// Appends an event to the line; it is on disk on return. May be cancelled: then the event is in the line, or not.
    pub(crate) async fn append(&self, spec: &Spec, received_ms: i64) -> Result<Appended, SpoolError> {
        let key = spec.idempotency_key.clone().unwrap_or_else(|| spec.process_id.to_string());
        let json = spec.to_json().map_err(|error| self.failed(error.to_string()))?;
        match self.ask(Ask::Append { key, received_ms, spec: json }).await? {
            Answer::Appended(appended) => Ok(appended),
            _ => Err(self.crossed()),
        }
    }

    /// Returns the first event in the line.
    pub(crate) async fn first(&self) -> Result<Option<Waiting>, SpoolError> {
        match self.ask(Ask::First).await? {
            Answer::First(first) => Ok(first),
            _ => Err(self.crossed()),
        }
    }

    /// Removes an event that the broker has committed, from the line and from those set aside.
    pub(crate) async fn remove(&self, waiting: &Waiting) -> Result<(), SpoolError> {
        self.ask(Ask::Remove { seq: waiting.seq, key: waiting.idempotency_key.clone() }).await.map(drop)
    }

    /// Removes a set-aside event that the broker has committed; false if there is none with this key.
    pub(crate) async fn forget_set_aside(&self, key: &str) -> Result<bool, SpoolError> {
        match self.ask(Ask::ForgetSetAside { key: key.to_owned() }).await? {
            Answer::Forgotten(forgotten) => Ok(forgotten),
            _ => Err(self.crossed()),
        }
    }

    /// Moves an event that the broker rejects from the line to those set aside.
    pub(crate) async fn set_aside(&self, seq: i64, error: &SinkError, now_ms: i64) -> Result<(), SpoolError> {
        let clip = |text: &str| text.chars().take(REFUSAL_CHARS_MAX).collect::<String>();
        let (reason, message) = (clip(error.reason()), clip(&error.to_string()));
        self.ask(Ask::SetAside { seq, now_ms, reason, message }).await.map(drop)
    }

    /// Moves all set-aside events to the end of the line; returns their number.
    pub(crate) async fn retry_set_aside(&self) -> Result<u64, SpoolError> {
        match self.ask(Ask::RetrySetAside).await? {
            Answer::Retried(events) => Ok(events),
            _ => Err(self.crossed()),
        }
    }

    /// Lists set-aside events, oldest first, up to a thousand.
    pub(crate) async fn list_set_aside(&self) -> Result<Vec<SetAside>, SpoolError> {
        match self.ask(Ask::ListSetAside).await? {
            Answer::SetAside(events) => Ok(events),
            _ => Err(self.crossed()),
        }
    }

    /// Returns true if the spool can store an event: a recent commit proves it, or else a small write now.
    pub(crate) async fn can_write(&self) -> bool {
        let full = |problem| SpoolError::Full { path: self.path.clone(), problem };
        let write = async || match self.ask(Ask::Prove).await? {
            Answer::Done => Ok(()),
            _ => Err(full("the reserve for a full disk is missing".to_owned())),
        };
        let proof = async {
            // Without the reserve, older commits prove nothing; the request also makes the writer try to create it
            // again.
            if self.totals().lacks_reserve {
                write().await
            } else {
                self.commits.prove(SPOOL_COMMIT_AGE_MAX, full, write).await
            }
        };
        matches!(timeout(SPOOL_PROOF_TIME_MAX, proof).await, Ok(Ok(())))
    }

    /// Recounts if another process has changed the file.
    pub(crate) async fn refresh(&self) -> Result<(), SpoolError> {
        match self.ask(Ask::Refresh { seen: self.seen.load(Ordering::Relaxed) }).await? {
            Answer::Version(version) => {
                self.seen.store(version, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(self.crossed()),
        }
    }

    /// Returns true if no event is in the line. An event counts from before its `append` returns until after its
    /// removal.
    pub(crate) fn is_empty(&self) -> bool {
        !self.totals.borrow().has_waiting()
    }

    /// Returns the current totals.
    pub(crate) fn totals(&self) -> SpoolTotals {
        *self.totals.borrow()
    }

    /// Returns a receiver of the totals.
    pub(crate) fn watch(&self) -> watch::Receiver<SpoolTotals> {
        self.totals.clone()
    }

    /// Finishes the requests made until now, then closes the file and unlocks the folder.
    pub(crate) async fn close(&self) {
        self.close.cancel();
        self.writer.wait().await;
    }

    async fn ask(&self, ask: Ask) -> Result<Answer, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { ask, reply }).await.map_err(|_| SpoolError::Closed)?;
        // A writer that failed within a batch is restarted; the batch may be on disk or not.
        answer.await.map_err(|_| self.failed("the writer failed within a batch: repeat the request".to_owned()))?
    }

    fn failed(&self, problem: String) -> SpoolError {
        SpoolError::Failed { path: self.path.clone(), problem }
    }

    /// Returns the error for an answer of the wrong kind, which the writer never gives.
    fn crossed(&self) -> SpoolError {
        self.failed("the writer gave an answer of the wrong kind".to_owned())
    }
}
