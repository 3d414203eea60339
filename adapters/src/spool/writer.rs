//! The one task that touches the spool's file: it commits together whatever waits, and answers after the commit.

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
use crate::limits::{SET_ASIDE_LIST_MAX, SPOOL_BATCH_BYTES_MAX, SPOOL_BATCH_MAX};
use crate::{SpoolError, WebhookLimits};

/// Something to do, and where its answer goes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ask: Ask,
    pub(super) reply: oneshot::Sender<Result<Answer, SpoolError>>,
}

/// Something to do.
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
    /// Write something of no meaning.
    Prove,
    Refresh {
        seen: i64,
    },
}

/// What came of it.
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

/// Owns the file.
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

    /// Works until `close`, or until nobody can ask any more; what was asked by then is done.
    pub(super) async fn run(&mut self, close: &CancellationToken) {
        let mut batch = Vec::with_capacity(SPOOL_BATCH_MAX);
        loop {
            tokio::select! {
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
        // Nobody can ask any more, told to close or not.
        close.cancel();
    }

    /// Does a batch, all of it or nothing, and answers.
    async fn work(&mut self, batch: &mut Vec<Job>) {
        let before = *self.totals.borrow();
        if batch.iter().any(|job| job.ask.fills()) {
            self.reserve.ensure().await;
        }
        let mut outcome = self.commit(before, batch).await;
        if outcome.as_ref().is_err_and(is_sqlite_full)
            && before.events() > 0
            && batch.iter().any(|job| job.ask.empties())
            && self.reserve.give_up().await
        {
            outcome = self.commit(before, batch).await;
        }
        match outcome {
            Ok((answers, totals)) => {
                // Before the answers: whoever knows that an event is in the line must not find the line empty.
                self.publish(totals);
                for (job, answer) in batch.drain(..).zip(answers) {
                    // Whoever no longer waits for an answer asked in vain, and asks again.
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
        // What takes little room proves nothing about an event's.
        let begun = if has_event { self.database.begin().await } else { self.database.begin_small().await };
        let mut transaction = begun?;
        if totals.is_failing {
            // Whether the batch that failed is on disk is not known: a commit can fail after it was written.
            let SpoolTotals { is_failing, is_full, .. } = totals;
            totals = SpoolTotals { is_failing, is_full, ..database::totals(&mut transaction).await? };
        }
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            let answer = match &job.ask {
                // Until the reserve is there again, which may be long before an event leaves.
                Ask::Append { .. } if !self.reserve.is_held() => Answer::Appended(Appended::Full),
                Ask::Append { spec, .. } if !has_room(&totals, size(spec.len())) => {
                    totals.is_full = true;
                    Answer::Appended(Appended::Full)
                }
                Ask::Prove if !self.reserve.is_held() => Answer::Appended(Appended::Full),
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
        // Reading proves nothing.
        totals.is_failing &= !transaction.has_changed();
        transaction.commit().await?;
        Ok((answers, totals))
    }
}

impl Ask {
    /// Whether it asks for room on the disk for longer.
    fn fills(&self) -> bool {
        matches!(self, Self::Append { .. } | Self::Prove)
    }

    /// Whether it brings an event out of the line, or a step nearer to that.
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

/// Returns how many of the first are committed together.
fn fitting(jobs: &[Job]) -> usize {
    let mut bytes = 0_usize;
    let is_within = |job: &&Job| {
        bytes = bytes.saturating_add(match &job.ask {
            Ask::Append { spec, .. } => spec.len(),
            _ => 0,
        });
        bytes <= SPOOL_BATCH_BYTES_MAX
    };
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
            *totals = database::totals(db).await?;
            Ok(Answer::Done)
        }
        Ask::RetrySetAside => {
            if totals.set_aside_events == 0 {
                return Ok(Answer::Retried(0));
            }
            db.changed(query(include_str!("retry_set_aside.sql"))).await?;
            let cleared = db.changed(query(include_str!("clear_set_aside.sql"))).await?;
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

/// Forgets an event that was set aside. Only the adapter puts events there, so that there are never more than it knows of.
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
    let all =
        query(include_str!("list_set_aside.sql")).bind(SET_ASIDE_LIST_MAX).bind(None::<String>).bind(None::<String>);
    db.rows(all).await?.iter().map(file::event).collect()
}

/// Counts anew if somebody else has changed the file since the version `seen`.
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
