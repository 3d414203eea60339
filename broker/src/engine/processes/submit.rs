//! Storing a process from a signed spec.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use apiary_daemon::traces::{Part, Span, TraceContext};
use apiary_identity::{Clock, Envelope, OnFailed, Spec};
use apiary_store::limits::LIMIT_GRACE_MS;
use apiary_store::model::{
    Colony, ColonyKey, Effect, Lane, LimitKind, Limits, NewProcess, Parent, ProcessState, Resubmission, SubmitResult,
};
use apiary_store::{Store, StoreResult};
use futures::future::Either;
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::dispatch::dispatcher::{Dispatcher, release_unheard};
use crate::engine::dispatch::hand_over::Reservation;
use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::engine::processes::operations::Operations;
use crate::engine::processes::priority_time::priority_time_us;
use crate::limits::REPLACEMENTS_FOLLOWED_MAX;
use crate::metrics::BrokerMetrics;

/// The process that a submit made, or that existed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubmitOutcome {
    /// The spec's own id, or that of the first process with its idempotency key.
    pub(crate) process_id: Uuid,
    /// True if nothing was stored, because the process existed.
    pub(crate) existed: bool,
    /// True if it had failed, and this spec put it back in the queue.
    pub(crate) redriven: bool,
    /// The state now.
    pub(crate) state: ProcessState,
}

impl Engine {
    /// Stores a process, durably by the time it returns; the same spec again returns the first. Another spec with its idempotency key
    /// does, too, and redrives the process if it asks for that.
    pub(crate) async fn submit(
        &self,
        permit: Permit<action::Submit>,
        spec: Spec,
        envelope: Envelope,
    ) -> Result<SubmitOutcome, Error> {
        let parents = self.check(permit.colony(), &spec).await;
        self.keep(permit, spec, envelope, parents).await
    }

    /// Queues a process for the next commit; the returned future waits for it. It is small, unlike the process: a thousand of a batch wait
    /// together. A repeat of a stored spec must not fail on checks that have changed since, so `parents` is the checks' outcome.
    pub(in crate::engine) fn keep(
        &self,
        permit: Permit<action::Submit>,
        spec: Spec,
        envelope: Envelope,
        parents: Result<Vec<Uuid>, Error>,
    ) -> impl Future<Output = Result<SubmitOutcome, Error>> + Send {
        let may_redrive = spec.on_failed == OnFailed::Redrive;
        let trace = spec.traceparent.as_deref().and_then(TraceContext::parse);
        let span = Span::within(Part::Broker, "commit", trace).of_process(spec.process_id);
        let queued = self.new_process(&permit, spec, envelope).map(|process| {
            // What the answer needs of it.
            let resubmission = Resubmission {
                process_id: process.process_id,
                // Replaced once the store says which process holds the key.
                first: process.process_id,
                colony: process.colony,
                submitter: process.submitter,
                digest: process.digest,
                submit_by_ms: process.submit_by_ms,
            };
            let submitted = match parents {
                Ok(parents) => Either::Left(self.submits.commit(NewProcess { parents, ..process })),
                // A stored process stays stored, and is answered as before, whatever happened to limits, schemas and parents.
                Err(error) => Either::Right(Box::pin(async move {
                    self.store.known(&process, process.submitted_at_ms).await?.ok_or(error)
                })),
            };
            (submitted, resubmission)
        });
        let answered = async move {
            let (submitted, resubmission) = queued?;
            let process_id = resubmission.process_id;
            match submitted.await? {
                SubmitResult::IdTaken => Err(Error::Taken(format!(
                    "process id {process_id} belongs to another spec: make a new UUIDv7 for each spec"
                ))),
                SubmitResult::New { state } => Ok(SubmitOutcome { process_id, existed: false, redriven: false, state }),
                SubmitResult::Existed {
                    process_id: first,
                    state: state @ (ProcessState::Failed | ProcessState::DeadLetter),
                } if may_redrive && first != process_id => {
                    Box::pin(self.resubmit(permit.colony(), Resubmission { first, ..resubmission }, state)).await
                }
                SubmitResult::Existed { process_id, state } => {
                    Ok(SubmitOutcome { process_id, existed: true, redriven: false, state })
                }
            }
        };
        async move { span.end(answered.await) }
    }

    /// Returns the process that a spec asks for, with its place in the queue, as if it had no parents.
    fn new_process(
        &self,
        permit: &Permit<action::Submit>,
        spec: Spec,
        envelope: Envelope,
    ) -> Result<NewProcess, Error> {
        let grant = permit.grant().ok_or_else(|| Error::NotPermitted("submitting needs a grant".into()))?;
        let now_ms = self.clock.now_ms();
        let not_before_ms = spec.not_before.map(|moment| moment.as_millisecond()).filter(|moment| *moment > now_ms);
        let idempotency = spec.idempotency_key.map(|key| (key, now_ms.saturating_add(spec.idempotency_retention_ms)));
        Ok(NewProcess {
            process_id: spec.process_id,
            colony: permit.colony().key,
            submitter: grant.key,
            function: spec.function,
            executor_type: spec.executor_type,
            executor_names: spec.executor_names,
            priority: spec.priority,
            priority_time_us: priority_time_us(self.stamps.next_us(now_ms), spec.priority),
            labels: spec.labels,
            max_wait_ms: spec.max_wait_ms,
            max_exec_ms: spec.max_exec_ms,
            max_retries: spec.max_retries,
            not_before_ms,
            parents: Vec::new(),
            submit_by_ms: spec.submit_by.as_millisecond(),
            requires: spec.requires,
            concurrency_key: spec.concurrency_key,
            rate_key: spec.rate_key,
            submitted_at_ms: now_ms,
            idempotency,
            digest: envelope.digest(),
            payload: envelope.payload,
            signature: envelope.signature,
        })
    }

    /// Redrives the process that a spec met, unless another call was faster, or the spec is of another submitter or did so before.
    async fn resubmit(&self, colony: &Colony, spec: Resubmission, state: ProcessState) -> Result<SubmitOutcome, Error> {
        let redriven = self.resubmits.commit(spec).await?;
        if redriven {
            tracing::info!(
                colony = colony.name, process_id = %spec.first, spec = %spec.process_id, "process redriven by its submitter's next spec"
            );
            // An executor may have claimed it already; the answer says what this call did.
            return Ok(SubmitOutcome { process_id: spec.first, existed: true, redriven, state: ProcessState::Waiting });
        }
        // Another call was faster and has changed the state; a deleted process is answered with its last state.
        let found = self.store.summaries(&[spec.first]).await?.pop();
        let state = found.map_or(state, |process| process.state);
        Ok(SubmitOutcome { process_id: spec.first, existed: true, redriven, state })
    }

    /// Checks what only the state of the colony decides; returns the processes to wait for.
    pub(in crate::engine) async fn check(&self, colony: &Colony, spec: &Spec) -> Result<Vec<Uuid>, Error> {
        // In the order of cost: the first two are answered from memory as a rule.
        self.check_rate_key(colony.key, spec).await?;
        self.catalogue.check(colony, spec).await?;
        self.open_parents(colony, spec).await
    }

    /// Rejects a rate key without a limit: the submitter counts on the limit, so this is a mistake in the key.
    async fn check_rate_key(&self, colony: ColonyKey, spec: &Spec) -> Result<(), Error> {
        let Some(key) = &spec.rate_key else { return Ok(()) };
        let is_limited = |limits: &Limits| limits.holding(LimitKind::RateKey, key).is_some();
        let book = self.wakeups.limits();
        // The cache first. A limit that is missing there may be new, so the database is asked before the spec is rejected.
        if is_limited(&*book.of(&*self.store, colony).await?) || is_limited(&*book.read(&*self.store, colony).await?) {
            return Ok(());
        }
        Err(Error::LimitUnknown(key.clone()))
    }

    /// Returns the parents that have not succeeded, or their replacements. Rejects a parent that does not exist, or will never succeed.
    pub(in crate::engine) async fn open_parents(&self, colony: &Colony, spec: &Spec) -> Result<Vec<Uuid>, Error> {
        let (mut open, mut asked) = (BTreeSet::new(), spec.parents.clone());
        // Each round follows the replacements of the round before. The bound keeps one submit from following a long chain.
        for _ in 0..REPLACEMENTS_FOLLOWED_MAX {
            if asked.is_empty() {
                break;
            }
            let ids: Vec<Uuid> = asked.into_iter().collect();
            let found = self.store.parents(colony.key, &ids).await?;
            asked = BTreeSet::new();
            for id in ids {
                match found.get(&id) {
                    None => return Err(no_parent(colony, id)),
                    Some(Parent { replaced_by: Some(by), .. }) => drop(asked.insert(*by)),
                    Some(Parent { state: ProcessState::Succeeded, .. }) => {}
                    Some(Parent { state: ProcessState::Cancelled, .. }) => return Err(cancelled_parent(id)),
                    Some(_) => drop(open.insert(id)),
                }
            }
        }
        // What is left was replaced very often: the sweep that settles it follows the chain further.
        open.extend(asked);
        Ok(open.into_iter().collect())
    }
}

fn no_parent(colony: &Colony, process_id: Uuid) -> Error {
    Error::NotFound(format!(
        "`parents`: no process {process_id} in colony `{}`; submit parents first, or in the same batch",
        colony.name
    ))
}

fn cancelled_parent(process_id: Uuid) -> Error {
    Error::StateConflict(format!(
        "`parents`: process {process_id} was cancelled and never succeeds; submit it anew, too"
    ))
}

/// Writes gathered submits.
pub(crate) struct SubmitFlush {
    store: Arc<dyn Store>,
    metrics: Arc<BrokerMetrics>,
    dispatcher: Arc<Dispatcher>,
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
}

impl SubmitFlush {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        metrics: Arc<BrokerMetrics>,
        dispatcher: Arc<Dispatcher>,
        wakeups: Wakeups,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, metrics, dispatcher, wakeups, clock }
    }

    /// Stores new processes; returns the answers, and the processes that limits cancelled.
    async fn store(
        &self,
        processes: &[NewProcess],
        now_ms: i64,
    ) -> StoreResult<(Vec<SubmitResult>, Vec<(ColonyKey, Uuid)>)> {
        // Only a concurrency key can have a limit that cancels at the submit: a batch without keys takes the cheaper statement.
        if processes.iter().any(|process| process.concurrency_key.is_some()) {
            return self.store.submit_limited(processes, now_ms).await;
        }
        let answers = match self.reserve(processes) {
            Some(reserved) => self.store_and_give(processes, reserved).await?,
            None => self.store.submit(processes, now_ms).await?,
        };
        Ok((answers, Vec::new()))
    }

    /// Reserves polls of the first process's lane. Work of other lanes waits for a claim.
    fn reserve(&self, processes: &[NewProcess]) -> Option<Reservation> {
        let lane = lane_of(processes.first()?);
        Reservation::of(&self.dispatcher, &lane, processes.len())
    }

    async fn store_and_give(&self, processes: &[NewProcess], reserved: Reservation) -> StoreResult<Vec<SubmitResult>> {
        let (lane, slots) = (reserved.lane(), reserved.slots());
        let (mut answers, leased) = self.store.submit_leased(processes, lane, slots, &*self.clock).await?;
        let unheard = reserved.give(leased);
        if !unheard.is_empty() && release_unheard(&*self.store, &*self.clock, &unheard).await {
            let released: HashSet<Uuid> = unheard.iter().map(|lease| lease.process_id).collect();
            for (process, answer) in processes.iter().zip(&mut answers) {
                if released.contains(&process.process_id) {
                    // Announced like any other that waits.
                    *answer = SubmitResult::New { state: ProcessState::Waiting };
                }
            }
        }
        Ok(answers)
    }

    fn wake(&self, process: &NewProcess) {
        self.wakeups.work(&lane_of(process));
    }

    fn announce(&self, process: &NewProcess, state: ProcessState) {
        // The parents may have ended between the check and the commit.
        process.parents.iter().for_each(|parent| self.wakeups.may_have_ended(*parent));
        match (state, process.not_before_ms) {
            // Whoever it was handed over to notes when its lease ends.
            (ProcessState::Cancelled | ProcessState::Running, _) => {}
            (ProcessState::Blocked, not_before_ms) => self.wakeups.due_at(not_before_ms.unwrap_or(i64::MAX)),
            _ => {
                self.wake(process);
                if process.max_wait_ms > 0 {
                    self.wakeups.due_at(process.submitted_at_ms.saturating_add(process.max_wait_ms));
                }
            }
        }
        self.wakeups.entered(Change { colony: process.colony, process_id: process.process_id }, state);
    }
}

fn lane_of(process: &NewProcess) -> Lane {
    Lane { colony: process.colony, executor_type: process.executor_type.clone() }
}

/// Redrives the processes that gathered specs met.
pub(crate) struct ResubmitFlush(Operations);

impl ResubmitFlush {
    pub(crate) fn new(operations: Operations) -> Self {
        Self(operations)
    }
}

#[async_trait::async_trait]
impl Flush for ResubmitFlush {
    type Item = Resubmission;
    type Answer = bool;
    type Key = Uuid;

    fn keys(&self, spec: &Resubmission) -> Vec<Uuid> {
        vec![spec.process_id, spec.first]
    }

    fn bytes(&self, _spec: &Resubmission) -> usize {
        size_of::<Resubmission>()
    }

    async fn flush(&self, specs: &[Resubmission]) -> StoreResult<Vec<Result<bool, Error>>> {
        let Self(Operations { store, clock, .. }) = self;
        let redriven = store.submit_redrive(specs, clock.now_ms()).await?;
        let mut by_colony: HashMap<ColonyKey, Vec<Uuid>> = HashMap::new();
        for (spec, _) in specs.iter().zip(&redriven).filter(|(_, redriven)| **redriven) {
            by_colony.entry(spec.colony).or_default().push(spec.first);
        }
        for (colony, ids) in by_colony {
            self.0.announce(colony, &ids, &vec![Effect::Changed; ids.len()]).await;
        }
        Ok(redriven.into_iter().map(Ok).collect())
    }
}

/// A key that two submits of one batch must not share.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum SubmitKey {
    Process(Uuid),
    Idempotency(ColonyKey, String, String),
}

#[async_trait::async_trait]
impl Flush for SubmitFlush {
    type Item = NewProcess;
    type Answer = SubmitResult;
    type Key = SubmitKey;

    fn keys(&self, process: &NewProcess) -> Vec<SubmitKey> {
        let mut keys = vec![SubmitKey::Process(process.process_id)];
        if let Some((key, _)) = &process.idempotency {
            keys.push(SubmitKey::Idempotency(process.colony, process.function.clone(), key.clone()));
        }
        keys
    }

    fn bytes(&self, process: &NewProcess) -> usize {
        process.payload.len()
    }

    async fn flush(&self, processes: &[NewProcess]) -> StoreResult<Vec<Result<SubmitResult, Error>>> {
        let now_ms = self.clock.now_ms();
        let stored = self.store(processes, now_ms).await;
        // After a failure some may be stored all the same, and nobody says which.
        let (answers, cancelled) = stored.inspect_err(|_| processes.iter().for_each(|process| self.wake(process)))?;
        for (process, answer) in processes.iter().zip(&answers) {
            if let SubmitResult::New { state } = answer {
                self.metrics.of(&process.executor_type).submitted();
                self.announce(process, *state);
            }
        }
        for (colony, process_id) in cancelled {
            // If it runs, it must end by then.
            self.wakeups.due_at(now_ms.saturating_add(LIMIT_GRACE_MS));
            self.wakeups.ended(Change { colony, process_id });
        }
        Ok(answers.into_iter().map(Ok).collect())
    }
}
