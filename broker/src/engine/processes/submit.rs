//! Taking a signed spec into keeping.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use apiary_identity::{Clock, Envelope, OnFailed, Spec};
use uuid::Uuid;

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::engine::commit::committer::Flush;
use crate::engine::notify::wakeups::{Change, Wakeups};
use crate::engine::processes::operations::Operations;
use crate::engine::processes::priority_time::priority_time_us;
use crate::limits::{LIMIT_GRACE_MS, REPLACEMENTS_FOLLOWED_MAX};
use crate::model::{
    Colony, ColonyKey, Effect, Lane, LimitKind, Limits, NewProcess, Parent, ProcessState, Resubmission, Submitted,
};
use crate::store::{Store, StoreResult};

/// The process that a submit made, or that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The spec's own id, or that of the first process with its idempotency key.
    pub(crate) process_id: Uuid,
    /// Nothing was stored, because it was there.
    pub(crate) existed: bool,
    /// It had failed, and this spec put it back in the queue.
    pub(crate) redriven: bool,
    /// Its state now.
    pub(crate) state: ProcessState,
}

impl Engine {
    /// Keeps a process. When it returns, the process is on disk; the same spec again returns the first. Another with its idempotency key
    /// does, too, and redrives it if it asks for that.
    pub(crate) async fn submit(
        &self,
        permit: Permit<action::Submit>,
        spec: Spec,
        envelope: Envelope,
    ) -> Result<Kept, Error> {
        let grant = permit.grant().ok_or_else(|| Error::NotPermitted("submitting needs a grant".into()))?;
        let parents = self.check(permit.colony(), &spec).await;
        let now_ms = self.clock.now_ms();
        let not_before_ms = spec.not_before.map(|moment| moment.as_millisecond()).filter(|moment| *moment > now_ms);
        let idempotency = spec.idempotency_key.map(|key| (key, now_ms.saturating_add(spec.idempotency_retention_ms)));
        let process = NewProcess {
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
        };
        let process_id = process.process_id;
        let resubmission = Resubmission {
            process_id,
            // Until the store says which it met.
            first: process_id,
            colony: process.colony,
            submitter: process.submitter,
            digest: process.digest,
            submit_by_ms: process.submit_by_ms,
        };
        let may_redrive = spec.on_failed == OnFailed::Redrive;
        let submitted = match parents {
            Ok(parents) => self.submits.commit(NewProcess { parents, ..process }).await?,
            // What was kept before stays kept, and is answered as before, whatever became of limits, schemas and parents.
            Err(error) => self.store.known(&process, now_ms).await?.ok_or(error)?,
        };
        match submitted {
            Submitted::IdTaken => Err(Error::Taken(format!(
                "process id {process_id} belongs to another spec: make a new UUIDv7 for each spec"
            ))),
            Submitted::New { state } => Ok(Kept { process_id, existed: false, redriven: false, state }),
            Submitted::Existed {
                process_id: first,
                state: state @ (ProcessState::Failed | ProcessState::DeadLetter),
            } if may_redrive && first != process_id => {
                self.resubmit(permit.colony(), Resubmission { first, ..resubmission }, state).await
            }
            Submitted::Existed { process_id, state } => Ok(Kept { process_id, existed: true, redriven: false, state }),
        }
    }

    /// Redrives the process that a spec met, unless somebody else was faster, or the spec is of another submitter or did so before.
    async fn resubmit(&self, colony: &Colony, spec: Resubmission, state: ProcessState) -> Result<Kept, Error> {
        let redriven = self.resubmits.commit(spec).await?;
        if redriven {
            tracing::info!(
                colony = colony.name, process_id = %spec.first, spec = %spec.process_id, "redriven by its submitter's next spec"
            );
            // Whoever was faster than this look has taken it up already.
            return Ok(Kept { process_id: spec.first, existed: true, redriven, state: ProcessState::Waiting });
        }
        // Whoever was faster has changed it; and what was deleted stays answered with its last state.
        let found = self.store.summaries(&[spec.first]).await?.pop();
        let state = found.map_or(state, |process| process.state);
        Ok(Kept { process_id: spec.first, existed: true, redriven, state })
    }

    /// What only the state of the colony decides; the processes that it is to wait for.
    async fn check(&self, colony: &Colony, spec: &Spec) -> Result<Vec<Uuid>, Error> {
        self.check_rate_key(colony.key, spec).await?;
        self.catalogue.check(colony, spec).await?;
        self.open_parents(colony, spec).await
    }

    /// A rate key means nothing without a limit, and whoever names one counts on it: a slip in the key is refused.
    async fn check_rate_key(&self, colony: ColonyKey, spec: &Spec) -> Result<(), Error> {
        let Some(key) = &spec.rate_key else { return Ok(()) };
        let is_limited = |limits: &Limits| limits.holding(LimitKind::RateKey, key).is_some();
        let book = self.wakeups.limits();
        if is_limited(&*book.of(&*self.store, colony).await?) || is_limited(&*book.read(&*self.store, colony).await?) {
            return Ok(());
        }
        Err(Error::LimitUnknown(key.clone()))
    }

    /// The parents that have not succeeded, or what took their places. One that is not there, or never will succeed, is refused.
    pub(in crate::engine) async fn open_parents(&self, colony: &Colony, spec: &Spec) -> Result<Vec<Uuid>, Error> {
        let (mut open, mut asked) = (BTreeSet::new(), spec.parents.clone());
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
        // What is left was replaced very often: whoever settles it goes on from there.
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
    wakeups: Wakeups,
    clock: Arc<dyn Clock>,
}

impl SubmitFlush {
    pub(crate) fn new(store: Arc<dyn Store>, wakeups: Wakeups, clock: Arc<dyn Clock>) -> Self {
        Self { store, wakeups, clock }
    }

    fn announce(&self, process: &NewProcess, state: ProcessState) {
        // Between the look at them and the commit they may have ended.
        process.parents.iter().for_each(|parent| self.wakeups.may_have_ended(*parent));
        match (state, process.not_before_ms) {
            (ProcessState::Cancelled, _) => {}
            (ProcessState::Blocked, not_before_ms) => self.wakeups.due_at(not_before_ms.unwrap_or(i64::MAX)),
            _ => {
                let lane = Lane { colony: process.colony, executor_type: process.executor_type.clone() };
                self.wakeups.work(&lane);
                if process.max_wait_ms > 0 {
                    self.wakeups.due_at(process.submitted_at_ms.saturating_add(process.max_wait_ms));
                }
            }
        }
        self.wakeups.changed(Change { colony: process.colony, process_id: process.process_id });
    }
}

/// Redrives what gathered specs met.
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

/// What two submits of one batch must not share.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum SubmitKey {
    Process(Uuid),
    Idempotency(ColonyKey, String, String),
}

#[async_trait::async_trait]
impl Flush for SubmitFlush {
    type Item = NewProcess;
    type Answer = Submitted;
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

    async fn flush(&self, processes: &[NewProcess]) -> StoreResult<Vec<Result<Submitted, Error>>> {
        let now_ms = self.clock.now_ms();
        let has_keys = processes.iter().any(|process| process.concurrency_key.is_some());
        let (answers, cancelled) = match has_keys {
            true => self.store.submit_limited(processes, now_ms).await?,
            false => (self.store.submit(processes, now_ms).await?, Vec::new()),
        };
        for (process, answer) in processes.iter().zip(&answers) {
            if let Submitted::New { state } = answer {
                self.announce(process, *state);
            }
        }
        for (colony, process_id) in cancelled {
            // If it runs, it is to end by then.
            self.wakeups.due_at(now_ms.saturating_add(LIMIT_GRACE_MS));
            self.wakeups.ended(Change { colony, process_id });
        }
        Ok(answers.into_iter().map(Ok).collect())
    }
}
