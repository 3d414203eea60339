//! Encoding to the wire. Documents are sent as the database holds them: the receiver verifies them.

mod executors;

use apiary_daemon::door::count_refusal;
use apiary_identity::{Document as _, Envelope, Grant, Id, Outcome, Progress, Spec};
use apiary_proto::v1 as pb;
use apiary_store::model::{
    Attempt, Bulk, Colony, Pause, ProcessState, ProcessSummary, RenewedLease, StoredGrant, StoredProgress,
};
use bytes::Bytes;

use super::running;
use super::status::retry_after;
use crate::Error;
use crate::engine::{
    AwaitResult, Checkpoint, ClaimAnswer, GrantPage, LeaseWithProof, ProcessDetail, ProcessPage, SubmitOutcome,
};

pub(super) use executors::{executor, executor_page, function, revoked};

/// Encodes a colony.
pub(super) fn colony(colony: &Colony) -> pb::Colony {
    pb::Colony { colony_id: colony.id.to_string(), name: colony.name.clone(), created_at_ms: colony.created_at_ms }
}

/// Encodes a state.
pub(super) fn state(state: ProcessState) -> pb::ProcessState {
    match state {
        ProcessState::Waiting => pb::ProcessState::Waiting,
        ProcessState::Blocked => pb::ProcessState::Blocked,
        ProcessState::Running => pb::ProcessState::Running,
        ProcessState::Succeeded => pb::ProcessState::Succeeded,
        ProcessState::Failed => pb::ProcessState::Failed,
        ProcessState::Cancelled => pb::ProcessState::Cancelled,
        ProcessState::DeadLetter => pb::ProcessState::DeadLetter,
    }
}

/// Encodes a process's summary.
pub(super) fn process(process: ProcessSummary) -> pb::Process {
    pb::Process {
        process_id: process.process_id.to_string(),
        function: process.function,
        executor_type: process.executor_type,
        state: state(process.state).into(),
        attempt: process.attempt,
        retries_spent: process.retries_spent,
        priority: process.priority,
        submitted_at_ms: process.submitted_at_ms,
        state_since_ms: process.since_ms,
        state_until_ms: process.until_ms.unwrap_or(0),
        submitter: process.submitter,
        executor: process.executor.unwrap_or_default(),
        reason: process.reason.unwrap_or_default(),
        labels: process.labels,
        ended_by: process.ended_by.unwrap_or_default(),
        cancel_deadline_ms: process.cancel_deadline_ms.unwrap_or(0),
        blocked_cause: process.blocked_cause.unwrap_or_default(),
        percent: process.percent.unwrap_or(-1.0),
        progress: process.progress.unwrap_or_default(),
    }
}

/// Encodes an awaited process.
pub(super) fn await_response(await_response: AwaitResult) -> pb::AwaitResponse {
    pb::AwaitResponse {
        process: Some(process(await_response.process)),
        attempt: await_response.attempt.map(|(one, by)| attempt(one, by.as_deref())),
        payload_hidden: await_response.is_hidden,
    }
}

/// Encodes the result of a submit.
pub(super) fn submit_response(submit_response: SubmitOutcome) -> pb::SubmitResponse {
    pb::SubmitResponse {
        process_id: submit_response.process_id.to_string(),
        existed: submit_response.existed,
        state: state(submit_response.state).into(),
        redriven: submit_response.redriven,
    }
}

/// Encodes the result of one spec of a batch.
pub(super) fn submit_answer(answer: Result<SubmitOutcome, Error>) -> pb::SubmitAnswer {
    match answer {
        Ok(process) => pb::SubmitAnswer { process: Some(submit_response(process)), ..Default::default() },
        Err(error) => {
            let (reason, retry_after_ms) = (error.reason(), retry_after_ms(&error));
            count_refusal(reason.as_str());
            pb::SubmitAnswer {
                process: None,
                reason: reason.as_str().to_owned(),
                message: error.to_string(),
                retryable: reason.is_retryable(),
                retry_after_ms,
            }
        }
    }
}

/// Encodes the answer to a claim.
pub(super) fn claim_response(answer: ClaimAnswer) -> pb::ClaimResponse {
    let leases = answer.leases.into_iter().map(lease).collect();
    pb::ClaimResponse { leases, drain: answer.drain, answers: Vec::new() }
}

/// Encodes the result of one outcome of a batch.
pub(super) fn end_answer(answer: Result<pb::EndAnswer, Error>) -> pb::EndAnswer {
    answer.unwrap_or_else(|error| {
        count_refusal(error.reason().as_str());
        pb::EndAnswer {
            reason: error.reason().as_str().to_owned(),
            message: error.to_string(),
            retryable: error.reason().is_retryable(),
            retry_after_ms: retry_after_ms(&error),
            ..Default::default()
        }
    })
}

/// Returns the shortest wait before the refused document is sent again, as the refusal of a single call has it.
fn retry_after_ms(error: &Error) -> i64 {
    let after = retry_after(&error.reason()).unwrap_or_default();
    i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
}

/// Encodes a bulk action.
pub(super) fn bulk(bulk: Bulk) -> pb::Bulk {
    pb::Bulk {
        bulk_id: bulk.bulk_id.to_string(),
        action: bulk.action.as_str().to_owned(),
        filter: Some(pb::ProcessFilter {
            states: bulk.filter.states.iter().map(|one| state(*one).into()).collect(),
            executor_type: bulk.filter.executor_type.unwrap_or_default(),
            function: bulk.filter.function.unwrap_or_default(),
            labels: bulk.filter.labels,
            submitter: bulk.filter.submitter.unwrap_or_default(),
            executor: bulk.filter.executor.unwrap_or_default(),
            submitted_from_ms: bulk.filter.submitted_from_ms.unwrap_or(0),
            submitted_until_ms: bulk.filter.submitted_until_ms.unwrap_or(0),
        }),
        reason: bulk.reason,
        by: bulk.by,
        state: bulk.state.as_str().to_owned(),
        matched: bulk.matched,
        more_may_match: bulk.more_may_match,
        changed: bulk.changed,
        skipped: bulk.skipped,
        started_at_ms: bulk.started_at_ms,
        ended_at_ms: bulk.ended_at_ms.unwrap_or(0),
    }
}

/// Encodes a page of processes.
pub(super) fn process_page(page: ProcessPage) -> pb::ListProcessesResponse {
    let next = page.next.map(|cursor| format!("{}.{}", cursor.submitted_at_ms, cursor.process_id));
    pb::ListProcessesResponse {
        processes: page.processes.into_iter().map(process).collect(),
        next_page_token: next.unwrap_or_default(),
    }
}

/// Encodes a process with its documents.
pub(super) fn detail(detail: ProcessDetail) -> pb::GetProcessResponse {
    let spec = spec(detail.process.payload, detail.submitter.as_deref(), detail.process.signature);
    pb::GetProcessResponse {
        process: Some(process(detail.process.summary)),
        spec: Some(spec).filter(|_| !detail.is_hidden),
        submitter_grant: detail.submitter.as_deref().map(grant),
        attempts: detail.attempts.into_iter().map(|(one, by)| attempt(one, by.as_deref())).collect(),
        progress_grant: detail.progress.as_ref().and_then(|(_, by)| by.as_deref()).map(grant),
        progress: detail.progress.map(|(last, by)| progress(last, by.as_deref())),
        attributes: detail.attributes.into_iter().map(running::attribute).collect(),
        payload_hidden: detail.is_hidden,
    }
}

/// Encodes a page of grants.
pub(super) fn grant_page(page: &GrantPage) -> pb::ListGrantsResponse {
    pb::ListGrantsResponse {
        grants: page.grants.iter().map(grant).collect(),
        revoked_from_ms: page.grants.iter().map(|grant| grant.revoked_from_ms.unwrap_or(0)).collect(),
        next_page_token: page.next.map(|cursor| cursor.0.0.to_string()).unwrap_or_default(),
    }
}

/// Encodes a lease.
pub(super) fn lease(leased: LeaseWithProof) -> pb::Lease {
    let claimed = leased.claimed;
    let submitter = leased.submitter.as_deref();
    let (checkpoint, checkpoint_grant) = checkpoint(leased.checkpoint);
    pb::Lease {
        process_id: claimed.process_id.to_string(),
        attempt: claimed.attempt,
        spec: Some(signed(
            Spec::PAYLOAD_TYPE,
            claimed.payload,
            submitter.map(grantee).unwrap_or_default(),
            claimed.signature,
        )),
        submitter_grant: submitter.map(grant),
        expires_at_ms: claimed.expires_at_ms,
        retries_left: leased.retries_left,
        checkpoint,
        checkpoint_grant,
    }
}

/// Encodes a pause.
pub(super) fn pause(pause: Pause) -> pb::PauseRecord {
    pb::PauseRecord {
        kind: pause.what.kind.as_str().to_owned(),
        name: pause.what.name,
        by: pause.by,
        reason: pause.reason,
        since_ms: pause.since_ms,
    }
}

/// Encodes a renewed lease.
pub(super) fn renew_response(renew_response: RenewedLease) -> pb::RenewResponse {
    let cancelled = renew_response.cancel.is_some();
    let (cancel_deadline_ms, cancel_reason) =
        renew_response.cancel.map(|mark| (mark.deadline_ms, mark.reason)).unwrap_or_default();
    pb::RenewResponse {
        expires_at_ms: renew_response.expires_at_ms,
        cancelled,
        cancel_deadline_ms,
        cancel_reason,
        drain: renew_response.is_drained,
    }
}

/// Encodes a checkpoint, and the grant of its signer.
fn checkpoint(checkpoint: Option<Checkpoint>) -> (Option<pb::Envelope>, Option<pb::Envelope>) {
    let Some(Checkpoint { progress: Some(last), executor, .. }) = checkpoint else { return (None, None) };
    let by = executor.as_deref();
    (Some(progress(last, by)), by.map(grant))
}

fn progress(last: StoredProgress, executor: Option<&StoredGrant>) -> pb::Envelope {
    signed(Progress::PAYLOAD_TYPE, last.payload, executor.map(grantee).unwrap_or_default(), last.signature)
}

/// Encodes an attempt.
pub(super) fn attempt(attempt: Attempt, executor: Option<&StoredGrant>) -> pb::Attempt {
    let signer = executor.map(grantee).unwrap_or_default();
    pb::Attempt {
        attempt: attempt.attempt,
        executor: executor.map(|grant| grant.name.clone()).unwrap_or_default(),
        executor_grant: executor.map(grant),
        claimed_at_ms: attempt.claimed_at_ms,
        ended_at_ms: attempt.ended_at_ms.unwrap_or(0),
        outcome: attempt.ending,
        reason: attempt.reason.unwrap_or_default(),
        result: attempt.result.map(|(payload, signature)| signed(Outcome::PAYLOAD_TYPE, payload, signer, signature)),
    }
}

/// Encodes the colony's rules, as it signed them.
pub(super) fn guard(guard: Envelope) -> pb::Envelope {
    signed(&guard.payload_type, guard.payload, guard.key_id.to_string(), guard.signature.as_bytes().to_vec())
}

/// Encodes a grant.
pub(super) fn grant(grant: &StoredGrant) -> pb::Envelope {
    signed(Grant::PAYLOAD_TYPE, grant.payload.clone(), key(&grant.colony_id), grant.signature.clone())
}

/// Encodes the key of a grant.
pub(super) fn grantee(grant: &StoredGrant) -> String {
    key(&grant.grantee)
}

/// Encodes a stored key; an invalid one stays visibly invalid.
pub(super) fn key(bytes: &[u8]) -> String {
    Id::from_slice(bytes).map_or_else(|_| format!("invalid:{}", hex::encode(bytes)), |id| id.to_string())
}

/// Encodes a spec, signed by the submitter.
pub(super) fn spec(payload: Bytes, submitter: Option<&StoredGrant>, signature: Vec<u8>) -> pb::Envelope {
    signed(Spec::PAYLOAD_TYPE, payload, submitter.map(grantee).unwrap_or_default(), signature)
}

/// Encodes a document.
pub(super) fn signed(payload_type: &str, payload: Bytes, key_id: String, signature: Vec<u8>) -> pb::Envelope {
    pb::Envelope { payload_type: payload_type.to_owned(), payload, key_id, signature: signature.into() }
}
