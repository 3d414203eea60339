//! Rows about leases.

use uuid::Uuid;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::matching::assignment::{Candidate, QueuePosition};
use crate::matching::restrictions::LaneRestriction;
use crate::model::{
    CancelMark, ClaimedLease, ColonyKey, GrantKey, InstanceLease, Lane, LeaseEnd, LeaseRecord, LeaseRef, RenewedLease,
    RunningType,
};

/// Reads a waiting process from `process_id, priority_time_us, function`, `executor_names` and `requires` as text, `concurrency_key,
/// rate_key`, and `sort`.
pub fn candidate(row: &dyn Columns) -> StoreResult<Candidate> {
    let (fields, process_id) = Fields::of_process(row, "queue")?;
    Ok(Candidate {
        process_id,
        priority_time_us: fields.number("priority_time_us")?,
        function: fields.text("function")?,
        executor_names: fields.json("executor_names")?,
        requires: fields.json("requires")?,
        concurrency_key: fields.text_if_any("concurrency_key")?,
        rate_key: fields.text_if_any("rate_key")?,
        sort: fields.text("sort")?,
    })
}

/// Reads a place in a queue from `process_id, priority_time_us`.
pub fn place(row: &dyn Columns) -> StoreResult<QueuePosition> {
    let (fields, process_id) = Fields::of_process(row, "queue")?;
    Ok((fields.number("priority_time_us")?, process_id))
}

/// Reads a condition that stops work from `kind, name`.
pub fn restriction(row: &dyn Columns) -> StoreResult<LaneRestriction> {
    let fields = Fields::of_summary(row, "pauses");
    let name = fields.text("name")?;
    match fields.text("kind")?.as_str() {
        "colony" | "executor_type" => Ok(LaneRestriction::Closed),
        "function" => Ok(LaneRestriction::PausedFunction(name)),
        "drain" => Ok(LaneRestriction::DrainedName(name)),
        "limited" => Ok(LaneRestriction::Limited),
        "empty" => Ok(LaneRestriction::Empty),
        "revoked" => name
            .parse()
            .map(|key| LaneRestriction::RevokedGrant(GrantKey(key)))
            .map_err(|_| fields.corrupt("name", "is no grant's number")),
        other => Err(fields.corrupt("kind", format!("is {other:?}, which cannot be paused"))),
    }
}

/// Reads from `is_plain` whether a claim in one statement was possible.
pub fn is_plain(row: &dyn Columns) -> StoreResult<bool> {
    Ok(Fields::of_summary(row, "queue").number("is_plain")? != 0)
}

/// Reads from `place` the place of a new lease among those of its claim, from 0; `None` if the claim gave no lease.
pub fn claim_place(row: &dyn Columns) -> StoreResult<Option<usize>> {
    let fields = Fields::of_summary(row, "queue");
    let Some(place) = fields.number_if_any("place")? else { return Ok(None) };
    usize::try_from(place).map(Some).map_err(|_| fields.corrupt("place", "is below zero"))
}

/// Reads a new lease for this slot from its row in `leases` and its spec.
pub fn claimed(row: &dyn Columns, slot: usize) -> StoreResult<ClaimedLease> {
    let (fields, process_id) = Fields::of_process(row, "specs")?;
    Ok(ClaimedLease {
        slot,
        process_id,
        executor: GrantKey(fields.number("executor")?),
        function: fields.text("function")?,
        attempt: fields.small("attempt")?,
        retries_spent: fields.small("retries_spent")?,
        max_retries: fields.small("max_retries")?,
        claimed_at_ms: fields.number("claimed_at_ms")?,
        waiting_since_ms: fields.number_if_any("waiting_since_ms")?,
        expires_at_ms: fields.number("expires_at_ms")?,
        submitter: GrantKey(fields.number("submitter")?),
        payload: fields.document_or_bytes("payload")?,
        signature: fields.bytes("signature")?,
        // Not an error: the work can still be done, and its result is then compared with the digest in the store.
        spec_digest: fields.digest("digest").ok(),
    })
}

/// Reads a process that left `queue` from `process_id, waiting_since_ms`.
pub fn waiting_since(row: &dyn Columns) -> StoreResult<(Uuid, i64)> {
    let (fields, process_id) = Fields::of_process(row, "queue")?;
    Ok((process_id, fields.number("waiting_since_ms")?))
}

/// Reads from `is_handed_over` whether a submit leased what its polls take.
pub fn is_handed_over(row: &dyn Columns) -> StoreResult<bool> {
    Ok(Fields::of_summary(row, "leases").number("is_handed_over")? != 0)
}

/// Reads from `is_lane_empty` whether nothing else waits in the lane of a claim.
pub fn is_lane_empty(row: &dyn Columns) -> StoreResult<bool> {
    Ok(Fields::of_summary(row, "queue").number("is_lane_empty")? != 0)
}

/// Reads a lease and its run from `process_id, attempt, executor, instance, claimed_at_ms`.
pub fn instance_lease(row: &dyn Columns) -> StoreResult<InstanceLease> {
    let (fields, process_id) = Fields::of_process(row, "leases")?;
    let executor = GrantKey(fields.number("executor")?);
    Ok(InstanceLease {
        lease: LeaseRef { process_id, attempt: fields.small("attempt")?, executor },
        instance: fields.number("instance")?,
        claimed_at_ms: fields.number("claimed_at_ms")?,
    })
}

/// Reads the running work of an executor type from `executor_type, count, since_ms`.
pub fn running_type(row: &dyn Columns) -> StoreResult<RunningType> {
    let fields = Fields::of_summary(row, "leases");
    Ok(RunningType {
        executor_type: fields.text("executor_type")?,
        count: fields.number("count")?,
        since_ms: fields.number("since_ms")?,
    })
}

/// Reads a lane of the queue from `colony, executor_type`.
pub fn lane(row: &dyn Columns) -> StoreResult<Lane> {
    let fields = Fields::of_summary(row, "queue");
    Ok(Lane { colony: ColonyKey(fields.number("colony")?), executor_type: fields.text("executor_type")? })
}

/// Reads a lease from its row in `leases` and its spec's `function`, `max_retries` and `digest`.
pub fn lease_record(row: &dyn Columns) -> StoreResult<LeaseRecord> {
    let (fields, process_id) = Fields::of_process(row, "leases")?;
    Ok(LeaseRecord {
        process_id,
        lane: Lane { colony: ColonyKey(fields.number("colony")?), executor_type: fields.text("executor_type")? },
        function: fields.text("function")?,
        attempt: fields.small("attempt")?,
        executor: GrantKey(fields.number("executor")?),
        retries_spent: fields.small("retries_spent")?,
        max_retries: fields.small("max_retries")?,
        claimed_at_ms: fields.number("claimed_at_ms")?,
        expires_at_ms: fields.number("expires_at_ms")?,
        exec_deadline_ms: fields.number_if_any("exec_deadline_ms")?,
        spec_digest: fields.digest("digest")?,
        cancel: cancel_mark(&fields)?,
    })
}

/// Reads a lease's cancellation from `cancel_deadline_ms, cancel_reason, cancel_by`.
fn cancel_mark(fields: &Fields<'_>) -> StoreResult<Option<CancelMark>> {
    let Some(deadline_ms) = fields.number_if_any("cancel_deadline_ms")? else { return Ok(None) };
    let reason = fields.text_if_any("cancel_reason")?.unwrap_or_default();
    let by = fields.text_if_any("cancel_by")?.unwrap_or_default();
    Ok(Some(CancelMark { deadline_ms, reason, by }))
}

/// Reads the result for an ended lease from `process_id, cancelled`.
pub fn lease_end(row: &dyn Columns) -> StoreResult<(Uuid, LeaseEnd)> {
    let (fields, process_id) = Fields::of_process(row, "leases")?;
    let end = if fields.number("cancelled")? == 0 { LeaseEnd::Done } else { LeaseEnd::Cancelled };
    Ok((process_id, end))
}

/// Reads a process that a sweep moved, and its lane, from `process_id, colony, executor_type`.
pub fn moved(row: &dyn Columns) -> StoreResult<(Uuid, Lane)> {
    let (fields, process_id) = Fields::of_process(row, "queue")?;
    let lane = Lane { colony: ColonyKey(fields.number("colony")?), executor_type: fields.text("executor_type")? };
    Ok((process_id, lane))
}

/// Reads a prolonged lease from `process_id, expires_at_ms, drained_at_ms` and the columns of a cancellation.
pub fn renewed(row: &dyn Columns) -> StoreResult<(Uuid, RenewedLease)> {
    let (fields, process_id) = Fields::of_process(row, "leases")?;
    let renewed = RenewedLease {
        expires_at_ms: fields.number("expires_at_ms")?,
        cancel: cancel_mark(&fields)?,
        is_drained: fields.number_if_any("drained_at_ms")?.is_some(),
    };
    Ok((process_id, renewed))
}
