//! The way of events to the state of record: together, and in the order that happened.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiary_daemon::traces::{self, Part, Span, TraceContext};
use apiary_executor_sdk::Fault;
use tokio::sync::oneshot;

use super::change::Change;
use super::error::RecordError;
use super::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, TIES_MAX};
use super::reads::StripeReads;
use super::record::{Answer, Applied, Record};
use super::resolver::Resolver;

/// A writer of events. What comes while a call is under way goes with the next.
#[derive(Clone)]
pub struct Writer {
    record: Arc<dyn Record>,
    resolver: Resolver,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    /// Events that wait for the next call; no more than callers wait.
    waiting: VecDeque<Waiting>,
    /// True while a task calls.
    is_writing: bool,
}

struct Waiting {
    change: Arc<Change>,
    /// The place of its attempt in a trace.
    trace: Option<TraceContext>,
    answer: oneshot::Sender<Result<Answer, RecordError>>,
}

impl Writer {
    /// Creates a writer to this record.
    pub fn new(record: Arc<dyn Record>) -> Self {
        Self { record, resolver: Resolver::default(), queue: Arc::default() }
    }

    /// Reads objects at Stripe where events alone do not tell enough.
    #[must_use]
    pub fn with_reads(self, reads: Arc<dyn StripeReads>) -> Self {
        Self { resolver: Resolver { reads: Some(reads) }, ..self }
    }

    /// Returns the reads at Stripe, if there is a key for them.
    pub fn reads(&self) -> Option<&Arc<dyn StripeReads>> {
        self.resolver.reads.as_ref()
    }

    /// Applies an event. Safe to repeat, and safe to give up on: an event that was applied all the same is a duplicate
    /// then.
    ///
    /// # Errors
    ///
    /// The error of the record, or of a read at Stripe that may succeed later.
    pub async fn apply(&self, change: Change) -> Result<Applied, RecordError> {
        let change = Arc::new(self.resolver.complete(change).await?);
        let mut attempt = Arc::clone(&change);
        for _ in 0..TIES_MAX {
            match self.send(Arc::clone(&attempt)).await? {
                Answer::Done(applied) => return Ok(applied),
                Answer::Refused(error) => return Err(error),
                Answer::Again => {}
                Answer::Tie(tie) => attempt = Arc::new(self.resolver.settle(&change, &tie).await?),
            }
        }
        Err(RecordError::Contended { code: format!("{TIES_MAX} other events of the object came between") })
    }

    /// Adds an event to those that wait, and calls if nobody does.
    async fn send(&self, change: Arc<Change>) -> Result<Answer, RecordError> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut queue = lock(&self.queue);
            queue.waiting.push_back(Waiting { change, trace: traces::current(), answer });
            !std::mem::replace(&mut queue.is_writing, true)
        };
        if is_first {
            // A task of its own, so that a caller that goes away never cancels the others' call.
            let turn = Turn { queue: Arc::clone(&self.queue), is_over: false };
            tokio::spawn(turn.run(Arc::clone(&self.record)));
        }
        answered.await.unwrap_or_else(|_| Err(RecordError::unavailable("a call ended without an answer")))
    }
}

/// The right to call, held by one task at a time.
struct Turn {
    queue: Arc<Mutex<Queue>>,
    /// `true` once nothing waited: from then on the queue belongs to the next turn.
    is_over: bool,
}

impl Turn {
    /// Calls until nothing waits.
    async fn run(mut self, record: Arc<dyn Record>) {
        while let Some(batch) = self.take() {
            let changes: Vec<&Change> = batch.iter().map(|waiting| waiting.change.as_ref()).collect();
            let span = |waiting: &Waiting| Span::of_call(Part::Bee, "write row", waiting.trace);
            let spans: Vec<Span> = batch.iter().map(span).collect();
            // A call has one place: that of its first event which has any.
            let place = spans.iter().zip(&batch).find_map(|(span, waiting)| span.context().or(waiting.trace));
            let answers = traces::within(place, apply(record.as_ref(), &changes)).await;
            for ((waiting, answer), span) in batch.into_iter().zip(answers).zip(spans) {
                // Fails for a caller that has gone away, which needs no answer.
                let _ = waiting.answer.send(span.end(answer));
            }
            // Lets those that were answered now bring their next events, which go with the ones that wait already.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the events of the next call. Of one object only one goes: each decides on those before it.
    fn take(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = lock(&self.queue);
        let (mut batch, mut later, mut subjects, mut bytes) = (Vec::new(), VecDeque::new(), HashSet::new(), 0_usize);
        while batch.len() < BATCH_EVENTS_MAX
            && let Some(waiting) = queue.waiting.pop_front()
        {
            let size = waiting.change.event.payload.len();
            if !batch.is_empty() && bytes.saturating_add(size) > BATCH_BYTES_MAX {
                queue.waiting.push_front(waiting);
                break;
            }
            if subjects.insert(subject(&waiting.change)) {
                bytes = bytes.saturating_add(size);
                batch.push(waiting);
            } else {
                later.push_back(waiting);
            }
        }
        later.append(&mut queue.waiting);
        queue.waiting = later;
        self.is_over = batch.is_empty();
        queue.is_writing = !self.is_over;
        (!batch.is_empty()).then_some(batch)
    }
}

impl Drop for Turn {
    /// After a panic, or in a runtime that ends: tells everybody who waits, by dropping their senders, and leaves the turn
    /// to the next caller. After the last call nobody waits.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.is_writing = false;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
    }
}

/// Returns what two events of one call must not share.
fn subject(change: &Change) -> (String, bool, String) {
    let event = &change.event;
    let id = event.object_id.clone().unwrap_or_else(|| event.id.clone());
    (event.account.clone(), event.livemode, id)
}

/// Calls the record. An error that may be the fault of one event is looked for in each: alone, it gets the answer that it
/// would have had without the others.
async fn apply(record: &dyn Record, changes: &[&Change]) -> Vec<Result<Answer, RecordError>> {
    match record.apply(changes).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) if changes.len() > 1 && error.fault() == Fault::Document => {
            tracing::debug!(%error, events = changes.len(), "a call was refused: its events go one by one");
            let mut answers = Vec::with_capacity(changes.len());
            for change in changes {
                let answer = record.apply(&[*change]).await;
                answers.push(answer.and_then(first));
            }
            answers
        }
        Err(error) => vec![Err(error); changes.len()],
    }
}

fn first(answers: Vec<Answer>) -> Result<Answer, RecordError> {
    answers.into_iter().next().ok_or_else(|| RecordError::Answer("no answer to an event".to_owned()))
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // Valid after a panic: no change of the queue leaves it half-changed.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
