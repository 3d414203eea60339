//! Submits the rows of the outbox, in a single task.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Notices, Throttle};
use apiary_executor_sdk::SubmitResult;
use apiary_identity::{Clock, Spec};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::{OUTBOX_ROWS_REFUSED, OutboxError};
use super::job::{Mark, Row};
use super::report::OutboxState;
use super::table::{Batch, OutboxTable, RowCounts};
use super::wakeup::Wakeup;
use super::{AllowedFunctions, OutboxConfig};
use crate::contact::Contact;
use crate::limits::{
    FORWARD_PAUSE_AWAY_MAX, FORWARD_PAUSE_FIRST, FORWARD_PAUSE_REFUSED_MAX, FORWARD_TIMEOUT, OUTBOX_DELETE_ROUNDS_MAX,
    OUTBOX_DELETE_ROWS_MAX, OUTBOX_PAUSE, OUTBOX_UPKEEP,
};
use crate::{Sink, SinkError, StartError};

/// Advice for refused rows.
const REPAIR: &str = "after the repair, run `update apiary.outbox set problem = null where problem is not null` there, \
                      or delete them";

type Answer = Result<SubmitResult, SinkError>;

/// The task that reads the outbox.
pub(crate) struct Reader {
    table: Arc<OutboxTable>,
    allowed: AllowedFunctions,
    retain: Option<Duration>,
    sink: Arc<dyn Sink>,
    contact: Arc<Contact>,
    clock: Arc<dyn Clock>,
    notices: Notices,
    /// Limits the rate of log lines about refused rows and failures.
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
        Ok(Self {
            table: Arc::new(OutboxTable::new(config)?),
            allowed: config.functions.clone(),
            retain: config.retain,
            sink,
            contact,
            lines: Throttle::new(clock.clone()),
            clock,
            notices,
            state: Arc::default(),
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
        let step = self.submit_next().await?;
        self.keep_up().await?;
        Ok(step)
    }

    async fn submit_next(&mut self) -> Result<Step, OutboxError> {
        let database = match &self.database {
            Some(database) => database.clone(),
            None => self.database.insert(self.table.check().await?).clone(),
        };
        let Batch { rows, snapshot } = self.table.read(self.snapshot.as_deref()).await?;
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
        let (marks, wait) = self.submit(&rows, &database).await;
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

    /// Submits rows, in their order. Returns the marks of those that have an end, and the longest pause if others have
    /// none.
    async fn submit(&self, rows: &[Row], database: &str) -> (Vec<Mark>, Option<Duration>) {
        let (colony, now) = (self.sink.colony(), self.clock.now());
        let (mut marks, mut asked, mut specs) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match row.spec(&self.allowed, database, colony, now) {
                Ok(spec) => {
                    asked.push(row.id);
                    specs.push(spec);
                }
                Err(problem) => marks.push(self.refuse(row.id, &problem)),
            }
        }
        sort_process_ids(&mut specs);
        let answers = self.send(&specs).await;
        let is_wait = |answer: &&Answer| !matches!(answer, Ok(_) | Err(SinkError::Unacceptable { .. }));
        // One answer stands for all: a wait, if there is one.
        if let Some(answer) = answers.iter().find(is_wait).or(answers.first()) {
            self.contact.note(answer);
        }
        let mut wait = None;
        for (id, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(submitted) => {
                    self.state.note_submitted(submitted.existed);
                    let SubmitResult { process_id, existed, .. } = submitted;
                    tracing::debug!(row = id, %process_id, existed, "submitted");
                    marks.push(Mark { id, outcome: Ok(submitted.process_id) });
                }
                Err(error @ SinkError::Unacceptable { .. }) => marks.push(self.refuse(id, &error.to_string())),
                Err(SinkError::Refused { .. }) => wait = Some(FORWARD_PAUSE_REFUSED_MAX),
                Err(SinkError::Away(_) | SinkError::Unready { .. }) => wait = wait.or(Some(FORWARD_PAUSE_AWAY_MAX)),
            }
        }
        (marks, wait)
    }

    async fn send(&self, specs: &[Spec]) -> Vec<Answer> {
        if specs.is_empty() {
            return Vec::new();
        }
        let answers = timeout(FORWARD_TIMEOUT, self.sink.submit_all(specs)).await;
        answers.unwrap_or_else(|_| {
            let late = SinkError::Away(format!("no answer within {} ms", FORWARD_TIMEOUT.as_millis()));
            vec![Err(late); specs.len()]
        })
    }

    fn refuse(&self, id: i64, problem: &str) -> Mark {
        let mark = Mark::refused(id, problem);
        if let Err(problem) = &mark.outcome
            // One cause, whatever the rows say: whoever inserts them must not fill the log.
            && let Some(held_back) = self.lines.pass("a refused row")
        {
            tracing::warn!(row = id, problem, held_back, "a row of the outbox was refused for good; {REPAIR}");
        }
        mark
    }

    /// Counts rows and deletes old ones, from time to time.
    async fn keep_up(&mut self) -> Result<(), OutboxError> {
        if Instant::now() < self.upkeep_at {
            return Ok(());
        }
        self.upkeep_at = Instant::now() + OUTBOX_UPKEEP;
        let counts = self.table.count().await?;
        self.state.set_counts(&counts);
        self.report_refused(&counts);
        let Some(retain) = self.retain else { return Ok(()) };
        for _ in 0..OUTBOX_DELETE_ROUNDS_MAX {
            match self.table.delete_older(retain).await {
                Ok(deleted) if deleted < OUTBOX_DELETE_ROWS_MAX.unsigned_abs() => break,
                Ok(_) => {}
                // Old rows hold up nobody.
                Err(error) => {
                    let error = error.to_string();
                    if let Some(held_back) = self.lines.pass(&error) {
                        tracing::warn!(error, held_back, "submitted rows of the outbox are not deleted");
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// Keeps the notice for as long as there are refused rows, including those from before the start.
    fn report_refused(&self, counts: &RowCounts) {
        if counts.refused == 0 {
            return self.notices.resolve(OUTBOX_ROWS_REFUSED, "");
        }
        let (refused, problem) = (counts.refused, counts.problem.as_deref().unwrap_or_default());
        let noun = if refused == 1 { "row" } else { "rows" };
        if !self.notices.list().iter().any(|notice| notice.kind == OUTBOX_ROWS_REFUSED) {
            let text = format!("{refused} {noun} of the outbox refused; the first: {problem}; {REPAIR}");
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

/// Gives the specs their process ids in ascending order, so that lists show the rows of one millisecond in their order.
fn sort_process_ids(specs: &mut [Spec]) {
    let mut ids: Vec<Uuid> = specs.iter().map(|spec| spec.process_id).collect();
    ids.sort_unstable();
    specs.iter_mut().zip(ids).for_each(|(spec, id)| spec.process_id = id);
}
