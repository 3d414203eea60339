//! Submits rows, and decides what becomes of each.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Throttle;
use apiary_executor_sdk::SubmitResult;
use apiary_executor_sdk::limits::sending_time;
use apiary_identity::{Clock, Document as _, Spec};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::AllowedFunctions;
use super::batch::BatchSize;
use super::job::{Mark, Row};
use super::report::OutboxState;
use crate::contact::Contact;
use crate::limits::{FORWARD_TIMEOUT, READY_AFTER_LATE_TIMEOUT};
use crate::{Sink, SinkError};

/// Advice for refused rows.
pub(super) const REPAIR: &str = "to have refused rows tried again at once, run `update apiary.outbox set problem = null where problem is not null` \
     there; or delete them";

type Answer = Result<SubmitResult, SinkError>;

/// The way of rows to the broker.
pub(super) struct Submitter {
    allowed: AllowedFunctions,
    sink: Arc<dyn Sink>,
    contact: Arc<Contact>,
    clock: Arc<dyn Clock>,
    state: Arc<OutboxState>,
    /// Limits the rate of log lines about refused rows.
    lines: Throttle,
    size: BatchSize,
}

/// Outcome of a batch.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    /// Marks of the rows that are submitted or refused.
    pub(super) marks: Vec<Mark>,
    /// Longest pause before the next attempt, if other rows are neither.
    pub(super) wait: Option<Duration>,
}

impl Submitter {
    pub(super) fn new(
        allowed: AllowedFunctions,
        sink: Arc<dyn Sink>,
        contact: Arc<Contact>,
        clock: Arc<dyn Clock>,
        state: Arc<OutboxState>,
    ) -> Self {
        let lines = Throttle::new(clock.clone());
        Self { allowed, sink, contact, clock, state, lines, size: BatchSize::new() }
    }

    /// Returns the number of rows that the next batch may have.
    pub(super) fn rows_max(&self) -> usize {
        self.size.rows()
    }

    /// Submits rows of the database with this id, in their order.
    pub(super) async fn submit(&mut self, rows: &[Row], database: &str) -> Submitted {
        let (colony, now) = (self.sink.colony(), self.clock.now());
        let (mut done, mut asked, mut specs) = (Submitted::default(), Vec::new(), Vec::new());
        for row in rows {
            match row.spec(&self.allowed, database, colony, now) {
                Ok(spec) => {
                    asked.push(row.id);
                    specs.push(spec);
                }
                Err(problem) => done.marks.push(self.refuse(row.id, &problem, false)),
            }
        }
        sort_process_ids(&mut specs);
        let time = time(&specs);
        let Some(answers) = self.send(&specs, time).await else { return self.note_late(&asked, time, done).await };
        // One answer stands for all: a wait, if there is one.
        let is_wait = |answer: &&Answer| answer.as_ref().is_err_and(|error| error.pause_max().is_some());
        if let Some(answer) = answers.iter().find(is_wait).or(answers.first()) {
            self.contact.note(answer);
        }
        for (id, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(submitted) => {
                    self.state.note_submitted(submitted.existed);
                    let SubmitResult { process_id, existed, .. } = submitted;
                    tracing::debug!(row = id, %process_id, existed, "submitted");
                    done.marks.push(Mark { id, outcome: Ok(process_id) });
                }
                Err(error) => match error.pause_max() {
                    None => done.marks.push(self.refuse(id, &error.to_string(), error.may_pass())),
                    most => done.wait = done.wait.max(most),
                },
            }
        }
        done
    }

    /// Sends specs to the broker; `None` without an answer in time.
    async fn send(&mut self, specs: &[Spec], time: Duration) -> Option<Vec<Answer>> {
        if specs.is_empty() {
            return Some(Vec::new());
        }
        let begin = Instant::now();
        let answers = timeout(time, self.sink.submit_all(specs)).await.ok()?;
        if !answers.iter().any(|answer| matches!(answer, Err(SinkError::Away(_)))) {
            self.size.note_answer(begin.elapsed());
        }
        Some(answers)
    }

    /// Makes the next batch smaller. A single row that is too long for the connection would hold up all others: it makes
    /// way, if the broker is there.
    async fn note_late(&mut self, asked: &[i64], time: Duration, mut done: Submitted) -> Submitted {
        self.size.note_late(asked.len());
        if let [id] = asked
            && timeout(READY_AFTER_LATE_TIMEOUT, self.sink.is_ready()).await == Ok(true)
        {
            let after_ms = time.as_millis();
            let problem =
                format!("no answer within {after_ms} ms, although the broker is ready: the connection is slow");
            done.marks.push(self.refuse(*id, &problem, true));
            return done;
        }
        let late = SinkError::late(time);
        done.wait = late.pause_max();
        self.contact.note(&Err(late));
        done
    }

    fn refuse(&self, id: i64, problem: &str, may_pass: bool) -> Mark {
        let mark = Mark::refused(id, problem, may_pass);
        if let Err(problem) = &mark.outcome
            // One cause, whatever the rows say: whoever inserts them must not fill the log.
            && let Some(held_back) = self.lines.pass("a refused row")
        {
            let problem = &problem.text;
            let then = if may_pass { "it is tried again after a minute, then less often" } else { "no retry can help" };
            tracing::warn!(row = id, problem, held_back, "a row of the outbox was refused; {then}; {REPAIR}");
        }
        mark
    }
}

/// Returns the time limit for the answer to some specs. A batch is halved until it arrives; a single spec cannot be, and has
/// longer the more bytes it has.
fn time(specs: &[Spec]) -> Duration {
    match specs {
        [spec] => FORWARD_TIMEOUT + sending_time(spec.to_json().map_or(0, |json| json.len())),
        _ => FORWARD_TIMEOUT,
    }
}

/// Gives the specs their process ids in ascending order, so that lists show the rows of one millisecond in their order.
fn sort_process_ids(specs: &mut [Spec]) {
    let mut ids: Vec<Uuid> = specs.iter().map(|spec| spec.process_id).collect();
    ids.sort_unstable();
    specs.iter_mut().zip(ids).for_each(|(spec, id)| spec.process_id = id);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use apiary_daemon::Notices;
    use apiary_executor_sdk::v1;
    use apiary_identity::{Id, KeyPair, ManualClock};
    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;

    /// A broker behind a connection that needs this time for each row.
    struct Slow {
        per_row: Mutex<Duration>,
    }

    #[async_trait]
    impl Sink for Slow {
        fn colony(&self) -> Id {
            KeyPair::from_seed(&[7; 32]).id()
        }

        async fn submit(&self, spec: &Spec) -> Answer {
            let per_row = *self.per_row.lock().unwrap();
            tokio::time::sleep(per_row).await;
            let (process_id, state) = (spec.process_id, v1::ProcessState::Waiting);
            Ok(SubmitResult { process_id, existed: false, redriven: false, state })
        }

        async fn is_ready(&self) -> bool {
            true
        }
    }

    fn submitter(sink: &Arc<Slow>) -> Submitter {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let allowed = AllowedFunctions::read(&["t/*".to_owned()]).unwrap();
        let contact = Arc::new(Contact::new(Notices::new(clock.clone())));
        Submitter::new(allowed, sink.clone(), contact, clock, Arc::default())
    }

    fn rows(count: usize) -> Vec<Row> {
        let row = |id| Row {
            id,
            uid: id.to_string(),
            function: "f".to_owned(),
            executor_type: None,
            key: None,
            priority: 0,
            bytes: 2,
            args: Some("{}".to_owned()),
        };
        (1..).take(count).map(row).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_too_large_for_a_slow_connection_is_halved_until_it_arrives() {
        let sink = Arc::new(Slow { per_row: Mutex::new(Duration::from_millis(300)) });
        let mut submitter = submitter(&sink);
        let mut waiting = rows(100);
        let mut sizes = Vec::new();
        while !waiting.is_empty() {
            let batch: Vec<Row> = waiting.iter().take(submitter.rows_max()).cloned().collect();
            sizes.push(batch.len());
            let done = submitter.submit(&batch, "db").await;
            assert_eq!(done.wait.is_some(), done.marks.is_empty());
            waiting.retain(|row| !done.marks.iter().any(|mark| mark.id == row.id));
            assert!(sizes.len() < 20, "{sizes:?}");
        }
        assert_eq!(sizes, [100, 50, 25, 25, 25, 25], "a size that arrives is kept");
        *sink.per_row.lock().unwrap() = Duration::from_millis(1);
        for size in [25, 50, 100, 100] {
            assert_eq!(submitter.rows_max(), size, "it grows again");
            submitter.submit(&rows(size), "db").await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_row_that_never_arrives_makes_way_for_those_behind_it() {
        let sink = Arc::new(Slow { per_row: Mutex::new(Duration::from_secs(60)) });
        let done = submitter(&sink).submit(&rows(1), "db").await;
        let problem = done.marks[0].outcome.clone().unwrap_err();
        assert!(problem.may_pass && problem.text.contains("no answer within 10"), "{problem:?}");
        assert_eq!(done.wait, None);
    }
}
