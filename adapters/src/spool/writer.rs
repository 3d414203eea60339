//! Writes the spool's file, in a single task: commits all queued requests together, and answers after the commit.

use std::path::PathBuf;

use apiary_database::{SqliteTransaction, SqliteWriter, is_sqlite_full};
use apiary_identity::Id;
use sqlx::{Row as _, query};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::folder::Folder;
use super::handle::{Appended, SetAside, Waiting};
use super::reserve::Reserve;
use super::totals::SpoolTotals;
use super::{database, file};
use crate::limits::{SPOOL_BATCH_BYTES_MAX, SPOOL_BATCH_MAX, SPOOL_LIST_MAX};
use crate::{SpoolError, WebhookLimits};

/// A request with the channel for its answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ask: Ask,
    pub(super) reply: oneshot::Sender<Result<Answer, SpoolError>>,
}

/// A request to the writer.
#[derive(Debug)]
pub(super) enum Ask {
    Append {
        key: String,
        received_ms: i64,
        spec: Vec<u8>,
    },
    First,
    Remove {
        seq: i64,
        key: String,
    },
    ForgetSetAside {
        key: String,
    },
    SetAside {
        seq: i64,
        now_ms: i64,
        reason: String,
        message: String,
    },
    RetrySetAside,
    ListSetAside,
    /// Makes a small write, as a test.
    Prove,
    Refresh {
        seen: i64,
    },
}

/// An answer of the writer.
#[derive(Debug)]
pub(super) enum Answer {
    Appended(Appended),
    First(Option<Waiting>),
    Done,
    Forgotten(bool),
    Retried(u64),
    SetAside(Vec<SetAside>),
    Version(i64),
}

/// The task that owns the file.
pub(super) struct Writer {
    database: SqliteWriter,
    colony: String,
    totals: watch::Sender<SpoolTotals>,
    jobs: mpsc::Receiver<Job>,
    events_max: u64,
    bytes_max: u64,
    path: PathBuf,
    reserve: Reserve,
    _folder: Folder,
}

impl Writer {
    pub(super) fn new(
        folder: Folder,
        reserve: Reserve,
        database: SqliteWriter,
        colony: Id,
        found: SpoolTotals,
        limits: &WebhookLimits,
        jobs: mpsc::Receiver<Job>,
    ) -> (Self, watch::Receiver<SpoolTotals>) {
        let (events_max, bytes_max) = (limits.spool_events_max, limits.spool_bytes_max);
        let (totals, watching) = watch::channel(found);
        let path = folder.database.clone();
        let colony = colony.to_string();
        (Self { database, colony, totals, jobs, events_max, bytes_max, path, reserve, _folder: folder }, watching)
    }

    /// Works until `close`, or until all senders are gone; finishes the requests made by then.
    pub(super) async fn run(&mut self, close: &CancellationToken) {
        let mut batch = Vec::with_capacity(SPOOL_BATCH_MAX);
        loop {
            tokio::select! {
                // Biased, so that a stop closes the queue before further requests are taken from it.
                biased;
                () = close.cancelled(), if !self.jobs.is_closed() => self.jobs.close(),
                received = self.jobs.recv_many(&mut batch, SPOOL_BATCH_MAX) => {
                    if received == 0 {
                        break;
                    }
                    while !batch.is_empty() {
                        let mut next: Vec<Job> = batch.drain(..fitting(&batch)).collect();
                        self.work(&mut next).await;
                    }
                }
            }
        }
        self.database.close().await;
        // Also after the senders are gone: tells the supervisor that the end is intended, and not a failure.
        close.cancel();
    }

    /// Commits a batch, all or nothing, and answers.
    async fn work(&mut self, batch: &mut Vec<Job>) {
        let before = *self.totals.borrow();
        // A request that needs room for good must not use the reserve's.
        if batch.iter().any(|job| job.ask.fills()) {
            self.reserve.ensure().await;
        }
        let mut outcome = self.commit(before, batch).await;
        // With a full disk, only a batch that can remove events may use the reserve. A batch with nothing to remove
        // would use it up in vain.
        if outcome.as_ref().is_err_and(is_sqlite_full)
            && before.events() > 0
            && batch.iter().any(|job| job.ask.empties())
            && self.reserve.give_up().await
        {
            outcome = self.commit(before, batch).await;
        }
        match outcome {
            Ok((answers, totals)) => {
                // Published before the answers: a caller that knows of its event in the line must not see an empty
                // line.
                self.publish(totals);
                for (job, answer) in batch.drain(..).zip(answers) {
                    // A receiver that was dropped repeats its request.
                    job.reply.send(Ok(answer)).ok();
                }
            }
            Err(error) => {
                let error = SpoolError::sql(&self.path, &error);
                self.publish(SpoolTotals { is_failing: true, lacks_reserve: !self.reserve.is_held(), ..before });
                for job in batch.drain(..) {
                    job.reply.send(Err(error.clone())).ok();
                }
            }
        }
    }

    fn publish(&self, totals: SpoolTotals) {
        self.totals.send_if_modified(|shown| std::mem::replace(shown, totals) != totals);
    }

    async fn commit(
        &mut self,
        mut totals: SpoolTotals,
        batch: &[Job],
    ) -> Result<(Vec<Answer>, SpoolTotals), sqlx::Error> {
        let (events_max, bytes_max) = (self.events_max, self.bytes_max);
        let has_room = |totals: &SpoolTotals, bytes: u64| {
            totals.events() < events_max && totals.bytes().saturating_add(bytes) <= bytes_max
        };
        let has_event = batch.iter().any(|job| matches!(job.ask, Ask::Append { .. }));
        // A small transaction is no proof that an event fits.
        let begun = if has_event { self.database.begin().await } else { self.database.begin_small().await };
        let mut transaction = begun?;
        if totals.is_failing {
            // A commit can fail after it was written, so the failed batch may be on disk: count again.
            let SpoolTotals { is_failing, is_full, .. } = totals;
            totals = SpoolTotals { is_failing, is_full, ..database::totals(&mut transaction).await? };
        }
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            let answer = match &job.ask {
                // Until the reserve exists again, which may be long before an event leaves the line.
                Ask::Append { .. } if !self.reserve.is_held() => Answer::Appended(Appended::Full),
                Ask::Append { spec, .. } if !has_room(&totals, size(spec.len())) => {
                    totals.is_full = true;
                    Answer::Appended(Appended::Full)
                }
                Ask::Prove if !self.reserve.is_held() => Answer::Appended(Appended::Full),
                // The write test is a real row, in a real commit: only that finds a full disk or a read-only file.
                Ask::Prove => {
                    database::own(&mut transaction, &self.colony).await?;
                    Answer::Done
                }
                ask => apply(&mut transaction, &mut totals, ask).await?,
            };
            answers.push(answer);
        }
        totals.oldest_ms = database::oldest_ms(&mut transaction).await?;
        totals.lacks_reserve = !self.reserve.is_held();
        // A transaction that only reads does not prove that writes work.
        totals.is_failing &= !transaction.has_changed();
        transaction.commit().await?;
        Ok((answers, totals))
    }
}

impl Ask {
    /// Returns true if the request needs room on the disk for good.
    fn fills(&self) -> bool {
        matches!(self, Self::Append { .. } | Self::Prove)
    }

    /// Returns true if the request removes an event from the line, or leads to it.
    fn empties(&self) -> bool {
        match self {
            Self::First
            | Self::Remove { .. }
            | Self::ForgetSetAside { .. }
            | Self::SetAside { .. }
            | Self::RetrySetAside => true,
            Self::Append { .. } | Self::ListSetAside | Self::Prove | Self::Refresh { .. } => false,
        }
    }
}

/// Returns how many of the first requests are committed together.
fn fitting(jobs: &[Job]) -> usize {
    let mut bytes = 0_usize;
    let is_within = |job: &&Job| {
        bytes = bytes.saturating_add(match &job.ask {
            Ask::Append { spec, .. } => spec.len(),
            _ => 0,
        });
        bytes <= SPOOL_BATCH_BYTES_MAX
    };
    // At least one, because a single event may exceed the bound.
    jobs.iter().take_while(is_within).count().max(1)
}

async fn apply(db: &mut SqliteTransaction, totals: &mut SpoolTotals, ask: &Ask) -> Result<Answer, sqlx::Error> {
    match ask {
        Ask::Append { key, received_ms, spec } => {
            if db.changed(query(include_str!("append.sql")).bind(key).bind(received_ms).bind(spec)).await? > 0 {
                totals.waiting_events += 1;
                totals.waiting_bytes += size(spec.len());
            }
            Ok(Answer::Appended(Appended::Kept))
        }
        Ask::First => first(db).await.map(Answer::First),
        Ask::Remove { seq, key } => {
            remove(db, totals, *seq).await?;
            forget_set_aside(db, totals, key).await?;
            Ok(Answer::Done)
        }
        Ask::ForgetSetAside { key } => forget_set_aside(db, totals, key).await.map(Answer::Forgotten),
        Ask::SetAside { seq, now_ms, reason, message } => {
            let copy = query(include_str!("set_aside.sql")).bind(seq).bind(now_ms).bind(reason).bind(message);
            db.changed(copy).await?;
            remove(db, totals, *seq).await?;
            // Counted anew, because the copy may have replaced an older one of the same event.
            *totals = database::totals(db).await?;
            Ok(Answer::Done)
        }
        Ask::RetrySetAside => {
            if totals.set_aside_events == 0 {
                return Ok(Answer::Retried(0));
            }
            db.changed(query(include_str!("retry_set_aside.sql"))).await?;
            let cleared = db.changed(query(include_str!("clear_set_aside.sql"))).await?;
            // Counted anew, because an event that was also in the line is merged with it.
            *totals = database::totals(db).await?;
            Ok(Answer::Retried(cleared))
        }
        Ask::ListSetAside => list_set_aside(db).await.map(Answer::SetAside),
        Ask::Prove => Ok(Answer::Done),
        Ask::Refresh { seen } => refresh(db, totals, *seen).await.map(Answer::Version),
    }
}

async fn first(db: &mut SqliteTransaction) -> Result<Option<Waiting>, sqlx::Error> {
    let Some(row) = db.row(query(include_str!("first.sql"))).await? else { return Ok(None) };
    Ok(Some(Waiting {
        seq: row.try_get("seq")?,
        idempotency_key: database::text(&row, "idempotency_key")?,
        received_ms: row.try_get("received_ms")?,
        spec: row.try_get("spec")?,
    }))
}

async fn remove(db: &mut SqliteTransaction, totals: &mut SpoolTotals, seq: i64) -> Result<(), sqlx::Error> {
    if let Some(row) = db.row(query(include_str!("size.sql")).bind(seq)).await? {
        let bytes: i64 = row.try_get(0)?;
        db.changed(query(include_str!("remove.sql")).bind(seq)).await?;
        totals.waiting_events = totals.waiting_events.saturating_sub(1);
        totals.waiting_bytes = totals.waiting_bytes.saturating_sub(u64::try_from(bytes).unwrap_or(0));
        totals.is_full = false;
    }
    Ok(())
}

/// Deletes a set-aside event. Only the adapter sets events aside, so there are never more than it has counted.
async fn forget_set_aside(
    db: &mut SqliteTransaction,
    totals: &mut SpoolTotals,
    key: &str,
) -> Result<bool, sqlx::Error> {
    if totals.set_aside_events == 0 {
        return Ok(false);
    }
    let forget = query(include_str!("delete_set_aside.sql")).bind(key.to_owned());
    let is_gone = db.changed(forget).await? > 0;
    if is_gone {
        *totals = SpoolTotals { is_failing: totals.is_failing, ..database::totals(db).await? };
    }
    Ok(is_gone)
}

async fn list_set_aside(db: &mut SqliteTransaction) -> Result<Vec<SetAside>, sqlx::Error> {
    let all = query(include_str!("list_set_aside.sql")).bind(SPOOL_LIST_MAX);
    db.rows(all).await?.iter().map(file::event).collect()
}

/// Recounts if another process has changed the file since the version `seen`.
async fn refresh(db: &mut SqliteTransaction, totals: &mut SpoolTotals, seen: i64) -> Result<i64, sqlx::Error> {
    let row = db.row(query(include_str!("version.sql"))).await?.ok_or(sqlx::Error::RowNotFound)?;
    let version: i64 = row.try_get(0)?;
    if version != seen {
        let SpoolTotals { is_failing, is_full, .. } = *totals;
        *totals = SpoolTotals { is_failing, is_full, ..database::totals(db).await? };
    }
    Ok(version)
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
