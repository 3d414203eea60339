//! Putting finished processes back from the archive, after their signatures were checked.

use std::collections::HashSet;

use apiary_identity::chain::{verify_grant, verify_progress, verify_result, verify_spec};
use apiary_identity::{Envelope, OutcomeKind, Role, Spec};
use apiary_protocol::EventKind;
use apiary_store::model::{Colony, FinishedProcess, GrantKey, NewEvent, NewProcess, ProcessState};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

/// A process to put back. The grants are not looked up yet: the keys of `process` mean nothing.
pub(crate) struct RestoredProcess {
    /// The process.
    pub(crate) process: FinishedProcess,
    /// The signed spec.
    pub(crate) spec: Envelope,
    /// The submitter's grant.
    pub(crate) submitter: Envelope,
    /// The signed parts of each of its attempts, in their order.
    pub(crate) attempts: Vec<RestoredAttempt>,
    /// The signed progress.
    pub(crate) progress: Option<Envelope>,
    /// The signed progress that has the checkpoint.
    pub(crate) checkpoint: Option<Envelope>,
}

/// The signed parts of an attempt.
pub(crate) struct RestoredAttempt {
    /// The executor's grant.
    pub(crate) grant: Envelope,
    /// The signed result.
    pub(crate) result: Option<Envelope>,
}

impl Engine {
    /// Puts processes back, each in one transaction; returns how many. All are verified before the first is stored.
    pub(crate) async fn restore(
        &self,
        permit: Permit<action::Restore>,
        processes: Vec<RestoredProcess>,
        keep_ms: i64,
    ) -> Result<i64, Error> {
        let (colony, now_ms, mut restored) = (permit.colony(), self.clock.now_ms(), 0);
        let mut verified = Vec::with_capacity(processes.len());
        for process in processes {
            let spec = verify(colony, &process, now_ms)?;
            verified.push((spec, process));
        }
        for (spec, mut process) in verified {
            self.find_grants(colony, &mut process).await?;
            let RestoredProcess { process, spec: envelope, .. } = process;
            let spec = new_process(colony, spec, envelope, &process);
            let event = NewEvent {
                process_id: Some(process.process_id),
                function: spec.function.clone(),
                ..permit.event(EventKind::ProcessRestored, now_ms)
            };
            let until_ms = now_ms.saturating_add(keep_ms);
            restored += i64::from(self.store.restore(&spec, &process, until_ms, now_ms, Some(&event)).await?);
        }
        Ok(restored)
    }

    /// Finds the broker's numbers of the grants.
    async fn find_grants(&self, colony: &Colony, restored: &mut RestoredProcess) -> Result<(), Error> {
        let grant_of = |envelope: &Envelope| verify_grant(&colony.id, envelope).map_err(Error::from);
        let submitter = grant_of(&restored.submitter)?;
        let mut keys = vec![submitter.key];
        for attempt in &restored.attempts {
            keys.push(grant_of(&attempt.grant)?.key);
        }
        keys.sort_unstable();
        keys.dedup();
        let known = self.store.grants_of_keys(colony, &keys).await?;
        let find = |envelope: &Envelope| -> Result<GrantKey, Error> {
            let same = known.iter().find(|grant| grant.payload == envelope.payload);
            same.map(|grant| grant.key).ok_or_else(|| {
                let name = grant_of(envelope).map(|grant| format!("{} of `{}`", grant.grant_id, grant.name));
                Error::StateConflict(format!(
                    "process {} rests on grant {}, which this broker does not have: add it first, as the colony signed it",
                    restored.process.process_id,
                    name.unwrap_or_default()
                ))
            })
        };
        let submitter = find(&restored.submitter)?;
        let executors = restored.attempts.iter().map(|attempt| find(&attempt.grant)).collect::<Result<Vec<_>, _>>()?;
        restored.process.submitter = submitter;
        for (attempt, executor) in restored.process.attempts.iter_mut().zip(executors) {
            attempt.executor = executor;
        }
        Ok(())
    }
}

/// Checks the chain of a process, and that the rest fits it; returns its spec.
fn verify(colony: &Colony, restored: &RestoredProcess, now_ms: i64) -> Result<Spec, Error> {
    let process = &restored.process;
    let invalid = |words: &str| Error::Invalid(format!("process {}: {words}", process.process_id));
    let broken = |link: apiary_identity::chain::BrokenLink| invalid(&link.to_string());
    let spec = verify_spec(&colony.id, &restored.submitter, &restored.spec).map_err(broken)?.spec;
    if spec.process_id != process.process_id {
        return Err(invalid("the signed spec is of another process"));
    }
    if !process.state.is_finished() {
        return Err(invalid("only a finished process is put back"));
    }
    if process.finished_at_ms > now_ms {
        return Err(invalid("it ended in the future"));
    }
    let mut last = None;
    let numbers: HashSet<i32> = process.attempts.iter().map(|attempt| attempt.attempt).collect();
    if numbers.len() != process.attempts.len() || numbers.len() != restored.attempts.len() {
        return Err(invalid("two attempts have one number"));
    }
    for (attempt, signed) in process.attempts.iter().zip(&restored.attempts) {
        if verify_grant(&colony.id, &signed.grant).map_err(broken)?.role != Role::Executor {
            return Err(invalid("an attempt was made by a user"));
        }
        last = None;
        if let Some(result) = &signed.result {
            let outcome =
                verify_result(&colony.id, &signed.grant, &restored.spec, attempt.attempt, result).map_err(broken)?;
            last = Some(outcome.outcome);
        }
    }
    if (process.state == ProcessState::Succeeded) != (last == Some(OutcomeKind::Succeeded)) {
        return Err(invalid("its state is not that of its last signed result"));
    }
    if process.attempts.last().map_or(0, |attempt| attempt.attempt) != process.attempt {
        return Err(invalid("its last attempt is missing"));
    }
    let mut named = process.logs.iter().map(|line| line.attempt);
    if named.any(|attempt| !numbers.contains(&attempt)) {
        return Err(invalid("a log line is of an attempt that is missing"));
    }
    let progress = process.progress.as_ref();
    let signed = [
        (progress.map(|last| last.attempt), &restored.progress),
        (progress.and_then(|last| last.checkpoint.as_ref()).map(|(attempt, ..)| *attempt), &restored.checkpoint),
    ];
    for (attempt, document) in signed {
        let (Some(attempt), Some(document)) = (attempt, document) else { continue };
        let at = process.attempts.iter().position(|one| one.attempt == attempt);
        let by = at
            .and_then(|at| restored.attempts.get(at))
            .ok_or_else(|| invalid("progress of an attempt that is missing"))?;
        // As for the attempt after it, which may go on from it.
        let next = attempt.saturating_add(1);
        let left = verify_progress(&colony.id, &by.grant, &restored.spec, next, document).map_err(broken)?;
        if left.attempt != attempt {
            return Err(invalid("progress is of another attempt than its signer's"));
        }
    }
    Ok(spec)
}

/// Returns the row of the spec.
fn new_process(colony: &Colony, spec: Spec, envelope: Envelope, process: &FinishedProcess) -> NewProcess {
    NewProcess {
        process_id: spec.process_id,
        colony: colony.key,
        submitter: process.submitter,
        function: spec.function,
        executor_type: spec.executor_type,
        executor_names: spec.executor_names,
        priority: spec.priority,
        priority_time_us: process.priority_time_us,
        labels: spec.labels,
        max_wait_ms: spec.max_wait_ms,
        max_exec_ms: spec.max_exec_ms,
        max_retries: spec.max_retries,
        not_before_ms: None,
        parents: Vec::new(),
        submit_by_ms: spec.submit_by.as_millisecond(),
        requires: spec.requires,
        concurrency_key: spec.concurrency_key,
        rate_key: spec.rate_key,
        submitted_at_ms: process.submitted_at_ms,
        // The key was over when the process left, or is another's by now.
        idempotency: None,
        digest: envelope.digest(),
        payload: envelope.payload,
        signature: envelope.signature,
    }
}
