//! Failures of attempts, and the next state of the process.

use std::collections::HashMap;
use std::sync::Arc;

use apiary_daemon::Throttle;
use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_identity::{Backoff, Clock, Document as _, Envelope, Outcome, OutcomeKind, Spec};
use apiary_protocol::EventKind;
use apiary_store::StoreResult;
use apiary_store::lifecycle::{self, Event};
use apiary_store::model::{AttemptEnding, Failure, LeaseEnd, LeaseRecord, NewEvent, ProcessState};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::leases::backoff::backoff_ms;
use crate::engine::leases::complete::ResultItem;
use crate::engine::leases::given::AttemptFacts;
use crate::engine::leases::lookup::{EndResult, Holder, LeaseLookup};
use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::refusals::Named;

/// The result of reporting a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailResult {
    /// The end of the attempt: new, or known before.
    pub(crate) ended: EndResult,
    /// When the next attempt may begin; `None` if there will be none, or if this result was known before.
    pub(crate) retry_at_ms: Option<i64>,
}

impl Engine {
    /// Stores a failure. The same result again is answered as known; any other for a lost lease is rejected.
    pub(crate) async fn fail(
        &self,
        permit: Permit<action::Fail>,
        outcome: Outcome,
        envelope: Envelope,
    ) -> Result<FailResult, Error> {
        if outcome.outcome == OutcomeKind::Succeeded {
            return Err(Error::field("outcome", "is a success: send it to Complete"));
        }
        let holder = Holder::new(&permit, outcome.process_id, outcome.attempt)?;
        let result = ResultItem::new(holder.clone(), &outcome, envelope.clone());
        let refused = (outcome.outcome == OutcomeKind::Refused).then(|| NewEvent {
            process_id: Some(outcome.process_id),
            detail: outcome.failure.clone().unwrap_or_default(),
            ..permit.event(EventKind::RefusedWork, self.clock.now_ms())
        });
        let item = FailItem {
            result,
            kind: outcome.outcome,
            words: outcome.failure.unwrap_or_default(),
            retry_after_ms: outcome.retry_after_ms,
        };
        match self.failures.commit(item).await {
            Err(Error::LeaseLost { .. }) => {
                let ended = self.lookup.after_the_end(&holder, &envelope).await?;
                Ok(FailResult { ended, retry_at_ms: None })
            }
            Err(error) => Err(error),
            Ok(retry_at_ms) => {
                // Gathered, because an executor whose pin is wrong refuses everything.
                if let Some(event) = refused {
                    self.refusals.note(Named::Known(permit.colony().id), event);
                }
                Ok(FailResult { ended: EndResult { existed: false }, retry_at_ms })
            }
        }
    }
}

/// A signed failure on its way into the store.
pub(crate) struct FailItem {
    result: ResultItem,
    kind: OutcomeKind,
    words: String,
    retry_after_ms: Option<i64>,
}

/// Writes gathered failures.
pub(crate) struct FailFlush {
    lookup: LeaseLookup,
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
    failures: Throttle,
}

impl FailFlush {
    pub(crate) fn new(lookup: LeaseLookup, wakeups: Wakeups, clock: Arc<dyn Clock>) -> Self {
        Self { lookup, wakeups, failures: Throttle::new(clock.clone()), clock }
    }

    /// Returns the back-off of each process that asks for a retry. A damaged spec gets the default: the executor finds the
    /// damage, not the broker.
    async fn backoffs(&self, items: &[FailItem]) -> StoreResult<HashMap<Uuid, Backoff>> {
        let retryable = items.iter().filter(|item| item.kind == OutcomeKind::FailedRetryable);
        let ids: Vec<_> = retryable.map(|item| item.result.holder.process_id).collect();
        let specs = self.lookup.store().specs(&ids).await?;
        let backoff = |payload: &[u8]| Spec::from_json(payload).map(|spec| spec.backoff).unwrap_or_default();
        Ok(specs.into_iter().map(|spec| (spec.process_id, backoff(&spec.payload))).collect())
    }

    async fn check(&self, item: &FailItem, lease: &LeaseRecord, now_ms: i64) -> Result<(), Error> {
        // A refusal is about bytes that differ from what was submitted, so their digest differs, too.
        if item.kind != OutcomeKind::Refused {
            item.result.check_spec(lease.spec_digest)?;
            check_cancelled(item, lease)?;
        }
        item.result.check_statement(&self.lookup, &AttemptFacts::of(lease), false, now_ms).await
    }

    /// Logs that a process failed for good, and what to do. Of a thousand that failed alike, only the first few are logged.
    fn tell(&self, failure: &Failure, lease: &LeaseRecord) {
        let Some(held_back) = self.failures.pass(&format!("{} {}", lease.function, failure.reason)) else { return };
        tracing::warn!(
            process_id = %lease.process_id,
            function = lease.function,
            attempt = lease.attempt,
            reason = failure.reason,
            held_back,
            "dead letter: `apiary process show` shows it, `redrive` tries it again, `discard` gives it up"
        );
    }

    fn announce(&self, state: ProcessState, failure: &Failure, lease: &LeaseRecord) {
        match state {
            ProcessState::Waiting => self.wakeups.work(&lease.lane),
            ProcessState::Blocked => self.wakeups.due_at(failure.blocked_until_ms.unwrap_or(0)),
            ProcessState::DeadLetter => self.tell(failure, lease),
            _ => {}
        }
        let change = Change { colony: lease.lane.colony, process_id: lease.process_id };
        if state.is_finished() { self.wakeups.ended(change) } else { self.wakeups.changed(change) }
    }
}

#[async_trait::async_trait]
impl Flush for FailFlush {
    type Item = FailItem;
    type Answer = Option<i64>;
    type Key = Uuid;

    fn keys(&self, item: &FailItem) -> Vec<Uuid> {
        vec![item.result.holder.process_id]
    }

    fn bytes(&self, item: &FailItem) -> usize {
        // The decision about a retry reads the spec.
        let spec = if item.kind == OutcomeKind::FailedRetryable { DOCUMENT_BYTES_MAX } else { 0 };
        item.result.envelope.payload.len() + spec
    }

    async fn flush(&self, items: &[FailItem]) -> StoreResult<Vec<Result<Option<i64>, Error>>> {
        let now_ms = self.clock.now_ms();
        let leases = self.lookup.held(items.iter().map(|item| &item.result.holder)).await?;
        let backoffs = self.backoffs(items).await?;
        let (mut answers, mut failures, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (item, lease) in items.iter().zip(leases) {
            // Until the database says otherwise, the lease is lost.
            answers.push(Err(item.result.holder.lost()));
            let Some(lease) = lease else { continue };
            // A result that does not verify is the sender's mistake: the others of the batch are still written.
            if let Err(error) = self.check(item, &lease, now_ms).await {
                answers.pop();
                answers.push(Err(error));
                continue;
            }
            let backoff = backoffs.get(&lease.process_id).copied().unwrap_or_default();
            failures.push(decide(item, &lease, &backoff, now_ms));
            places.push((answers.len() - 1, lease));
        }
        // The statement checks each lease again: it may have been renewed, lost or cancelled since it was read.
        let done = self.lookup.store().fail(&failures, now_ms).await?;
        for (((place, lease), failure), done) in places.into_iter().zip(&failures).zip(done) {
            if done != LeaseEnd::Lost {
                let is_cancelled = done == LeaseEnd::Cancelled;
                self.lookup.metrics().failed(&lease, failure, is_cancelled, now_ms);
                answers[place] = Ok(failure.blocked_until_ms.filter(|_| !is_cancelled));
                self.announce(if is_cancelled { ProcessState::Cancelled } else { failure.next }, failure, &lease);
            }
        }
        Ok(answers)
    }
}

/// Rejects `cancelled` from an executor if no cancellation was requested.
fn check_cancelled(item: &FailItem, lease: &LeaseRecord) -> Result<(), Error> {
    if item.kind != OutcomeKind::Cancelled || lease.cancel.is_some() {
        return Ok(());
    }
    Err(Error::field(
        "outcome",
        format!(
            "is `cancelled`, but process {} is not being cancelled: fail it, or return it with Release",
            lease.process_id
        ),
    ))
}

fn decide(item: &FailItem, lease: &LeaseRecord, backoff: &Backoff, now_ms: i64) -> Failure {
    let (event, ending) = match item.kind {
        OutcomeKind::Refused => (Event::Refused, AttemptEnding::Refused),
        OutcomeKind::Cancelled => (Event::Cancelled, AttemptEnding::Cancelled),
        OutcomeKind::FailedRetryable => (Event::FailedRetryable, AttemptEnding::Failed),
        OutcomeKind::FailedFinal | OutcomeKind::Succeeded => (Event::FailedFinal, AttemptEnding::Failed),
    };
    // A process that is being cancelled is cancelled at its attempt's end, however the attempt ends.
    let event = if lease.cancel.is_some() { Event::Cancelled } else { event };
    let (state, retries_spent) = lifecycle::after_attempt(event, lease.retries_spent, lease.max_retries);
    // The executor may ask for a longer wait than the back-off, such as a `Retry-After` that it got, but not for a shorter one.
    let wait_ms = backoff_ms(backoff, retries_spent, rand::random()).max(item.retry_after_ms.unwrap_or(0));
    Failure {
        lease: lease.reference(),
        only_if_over_at_ms: None,
        ending,
        reason: item.words.clone(),
        result: Some((item.result.envelope.payload.clone(), item.result.envelope.signature.clone())),
        next: state,
        blocked_until_ms: (state == ProcessState::Blocked).then(|| now_ms.saturating_add(wait_ms)),
        retries_spent,
    }
}
