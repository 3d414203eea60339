//! Reads the outbox, in a single task.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Notices, Throttle};
use apiary_identity::Clock;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::OutboxConfig;
use super::error::{OUTBOX_ROWS_REFUSED, OutboxError};
use super::report::OutboxState;
use super::submitter::{REPAIR, Submitted, Submitter};
use super::table::{Batch, OutboxTable, RowCounts};
use super::wakeup::Wakeup;
use crate::contact::Contact;
use crate::limits::{
    FORWARD_PAUSE_FIRST, OUTBOX_DELETE_ROUNDS_MAX, OUTBOX_DELETE_ROWS_MAX, OUTBOX_PAUSE, OUTBOX_UPKEEP,
};
use crate::{Sink, StartError};

/// The task that reads the outbox.
pub(crate) struct Reader {
    table: Arc<OutboxTable>,
    submitter: Submitter,
    retain: Option<Duration>,
    notices: Notices,
    /// Limits the rate of log lines about old rows.
    lines: Throttle,
    state: Arc<OutboxState>,
    wakeup: Arc<Wakeup>,
    /// The database's own id, once the table was found.
    database: Option<String>,
    /// Snapshot of the round in progress.
    snapshot: Option<String>,
    /// Rows whose mark changed nothing: another reader had marked them, or something drops updates.
    unmarked: BTreeSet<i64>,
    /// Kind of the open notice about the database.
    failure: Option<&'static str>,
    upkeep_at: Instant,
}

/// Result of a batch.
enum Step {
    /// Rows were submitted or refused; there may be more.
    Done,
    /// No row waits.
    Idle,
    /// The broker accepts nothing now. Wait before the next attempt, at most for this time.
    Wait(Duration),
}

impl Reader {
    pub(crate) fn new(
        config: &OutboxConfig,
        sink: Arc<dyn Sink>,
        contact: Arc<Contact>,
        clock: Arc<dyn Clock>,
        notices: Notices,
    ) -> Result<Self, StartError> {
        let state = Arc::<OutboxState>::default();
        Ok(Self {
            table: Arc::new(OutboxTable::new(config)?),
            submitter: Submitter::new(config.functions.clone(), sink, contact, clock.clone(), state.clone()),
            retain: config.retain,
            notices,
            lines: Throttle::new(clock),
            state,
            wakeup: Arc::default(),
            database: None,
            snapshot: None,
            unmarked: BTreeSet::new(),
            failure: None,
            upkeep_at: Instant::now(),
        })
    }

    /// Returns the state, for health.
    pub(crate) fn state(&self) -> Arc<OutboxState> {
        self.state.clone()
    }

    /// Reads until `stop`. May be cancelled anywhere: a row leaves the line only when it is marked, and a row submitted
    /// twice becomes one process.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        let (table, wakeup) = (self.table.clone(), self.wakeup.clone());
        let listen = async {
            wakeup.listen(&table).await;
            pending().await
        };
        let read = async {
            tokio::select! {
                () = self.read() => {}
                () = listen => {}
            }
        };
        // Kept off the stack: the future of a batch is large.
        stop.run_until_cancelled(Box::pin(read)).await;
        table.close().await;
    }

    async fn read(&mut self) {
        let mut pause = FORWARD_PAUSE_FIRST;
        loop {
            match self.step().await {
                Ok(Step::Done) => pause = FORWARD_PAUSE_FIRST,
                Ok(Step::Idle) => self.wakeup.wait().await,
                Ok(Step::Wait(most)) => {
                    sleep(pause.min(most)).await;
                    pause = pause.saturating_mul(2).min(most);
                }
                Err(error) => {
                    self.note_failure(&error);
                    sleep(OUTBOX_PAUSE).await;
                }
            }
        }
    }

    /// Submits and marks the next batch, and then looks after the table.
    async fn step(&mut self) -> Result<Step, OutboxError> {
        let database = match &self.database {
            Some(database) => database.clone(),
            None => self.database.insert(self.table.check().await?).clone(),
        };
        let step = self.submit_next(&database).await?;
        if Instant::now() >= self.upkeep_at {
            self.upkeep_at = Instant::now() + OUTBOX_UPKEEP;
            self.keep_up(&step, &database).await?;
        }
        Ok(step)
    }

    async fn submit_next(&mut self, database: &str) -> Result<Step, OutboxError> {
        let Batch { rows, snapshot } = self.table.read(self.snapshot.as_deref(), self.submitter.rows_max()).await?;
        if rows.is_empty() {
            self.note_readable();
            // The end of a round: what was committed meanwhile is in the next.
            return Ok(if self.snapshot.take().is_some() { Step::Done } else { Step::Idle });
        }
        let unmarked = std::mem::take(&mut self.unmarked);
        if let Some(row) = rows.iter().find(|row| unmarked.contains(&row.id)) {
            return Err(OutboxError::Unmarked(row.id));
        }
        self.snapshot = snapshot;
        let Submitted { marks, wait } = self.submitter.submit(&rows, database).await;
        // Marked after the broker's commit: a crash in between submits the rows again, under the same keys.
        let marked = self.table.mark(&marks).await?;
        self.unmarked = marks.iter().map(|mark| mark.id).filter(|id| !marked.contains(id)).collect();
        if self.unmarked.is_empty() {
            self.note_readable();
        }
        if marks.iter().any(|mark| mark.outcome.is_err()) {
            self.upkeep_at = Instant::now();
        }
        Ok(wait.map_or(Step::Done, Step::Wait))
    }

    /// Tries refused rows again, counts rows and deletes old ones.
    async fn keep_up(&mut self, step: &Step, database: &str) -> Result<(), OutboxError> {
        // One batch each time, so that many refused rows hold up no others; none while the broker accepts nothing.
        if !matches!(step, Step::Wait(_)) {
            let rows = self.table.read_refused(self.submitter.rows_max()).await?;
            let Submitted { marks, .. } = self.submitter.submit(&rows, database).await;
            self.table.mark(&marks).await?;
        }
        let counts = self.table.count().await?;
        self.state.set_counts(&counts);
        self.report_refused(&counts);
        self.delete_old().await;
        Ok(())
    }

    /// Deletes submitted rows after their time. A failure is no reason to stop: old rows hold up nobody.
    async fn delete_old(&self) {
        let Some(retain) = self.retain else { return };
        for _ in 0..OUTBOX_DELETE_ROUNDS_MAX {
            match self.table.delete_older(retain).await {
                Ok(deleted) if deleted < OUTBOX_DELETE_ROWS_MAX.unsigned_abs() => return,
                Ok(_) => {}
                Err(error) => {
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&error) {
                        tracing::warn!(error, held_back, "submitted rows of the outbox are not deleted");
                    }
                    return;
                }
            }
        }
    }

    /// Keeps the notice for as long as there are refused rows, including those from before the start.
    fn report_refused(&self, counts: &RowCounts) {
        if counts.refused == 0 {
            return self.notices.resolve(OUTBOX_ROWS_REFUSED, "");
        }
        let RowCounts { refused, retrying, .. } = counts;
        let problem = counts.problem.as_deref().unwrap_or_default();
        let noun = if *refused == 1 { "row" } else { "rows" };
        if !self.notices.list().iter().any(|notice| notice.kind == OUTBOX_ROWS_REFUSED) {
            let text = format!(
                "{refused} {noun} of the outbox refused, {retrying} of which tried again by themselves; the first: \
                 {problem}; {REPAIR}"
            );
            self.notices.raise(OUTBOX_ROWS_REFUSED, "", text);
        }
    }

    fn note_readable(&mut self) {
        self.state.set_readable(true, self.wakeup.is_listening());
        if let Some(kind) = self.failure.take() {
            self.notices.resolve(kind, "");
        }
    }

    fn note_failure(&mut self, error: &OutboxError) {
        // The table may be another one afterwards.
        (self.database, self.snapshot) = (None, None);
        self.state.set_readable(false, self.wakeup.is_listening());
        let kind = error.notice();
        if let Some(before) = self.failure.replace(kind).filter(|before| *before != kind) {
            self.notices.resolve(before, "");
        }
        self.notices.raise(kind, "", error.to_string());
    }
}
