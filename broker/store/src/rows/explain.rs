//! Rows about what holds work up.

use super::{Columns, Fields, colony, state, summary};
use crate::StoreResult;
use crate::model::{
    Bucket, Colony, ExplainRecord, FailureSummary, LimitHolders, WaitSummary, WaitingGroup, WaitingType,
};

/// A process with what decides whether it runs: the columns of its summary, and those of its spec, place and lease.
pub fn explain(row: &dyn Columns) -> StoreResult<ExplainRecord> {
    let (fields, _) = Fields::of_process(row, "specs")?;
    Ok(ExplainRecord {
        summary: summary(row)?,
        requires: fields.json("requires")?,
        executor_names: fields.json("executor_names")?,
        concurrency_key: fields.text_if_any("concurrency_key")?,
        rate_key: fields.text_if_any("rate_key")?,
        wait_deadline_ms: fields.number_if_any("wait_deadline_ms")?,
        wait_left_ms: fields.number_if_any("wait_left_ms")?,
        ahead: fields.number("ahead")?,
        run_ms_mean: fields.number_if_any("run_ms_mean")?.map(|run_ms| run_ms.max(0)),
        parents: Vec::new(),
        renewed_at_ms: fields.number_if_any("renewed_at_ms")?,
    })
}

/// Who holds a limit's places, from `process_id, running` in each row.
pub fn holders(rows: &[impl Columns]) -> StoreResult<LimitHolders> {
    let mut holders = LimitHolders::default();
    for row in rows {
        let (fields, process_id) = Fields::of_process(row, "leases")?;
        holders.running = fields.number("running")?;
        holders.process_ids.push(process_id);
    }
    Ok(holders)
}

/// What is left of a rate, from `tokens, filled_at_ms`.
pub fn bucket(row: &dyn Columns) -> StoreResult<Bucket> {
    let fields = Fields::of_summary(row, "buckets");
    Ok(Bucket {
        tokens: fields.real_if_any("tokens")?.unwrap_or_default(),
        filled_at_ms: fields.number("filled_at_ms")?,
    })
}

/// Waiting processes of one sort, from what decides who may have them, and `count`.
pub fn waiting_sort(row: &dyn Columns) -> StoreResult<WaitingGroup> {
    let fields = Fields::of_summary(row, "queue");
    Ok(WaitingGroup {
        function: fields.text("function")?,
        requires: fields.json("requires")?,
        executor_names: fields.json("executor_names")?,
        concurrency_key: fields.text_if_any("concurrency_key")?,
        rate_key: fields.text_if_any("rate_key")?,
        count: fields.number("count")?,
        since_ms: fields.number("since_ms")?,
    })
}

/// A colony, and the waiting work of one of its executor types, from the colony's columns and `executor_type, count, since_ms`.
pub fn waiting_type(row: &dyn Columns) -> StoreResult<(Colony, WaitingType)> {
    let fields = Fields::of_summary(row, "queue");
    let waiting = WaitingType {
        executor_type: fields.text("executor_type")?,
        count: fields.number("count")?,
        is_cut: fields.number("is_cut")? != 0,
        since_ms: fields.number("since_ms")?,
    };
    Ok((colony(row)?, waiting))
}

/// Processes that ended badly, from `process_id` (the last of them), `state, count, since_ms, function, labels, reason`.
pub fn failure_summary(row: &dyn Columns) -> StoreResult<FailureSummary> {
    let (fields, last) = Fields::of_process(row, "finished")?;
    Ok(FailureSummary {
        state: state(&fields)?,
        count: fields.number("count")?,
        since_ms: fields.number("since_ms")?,
        last,
        function: fields.text("function")?,
        // Words for people: a damaged row must not hide the rest.
        labels: fields.json("labels").unwrap_or_default(),
        reason: fields.text_if_any("reason")?.unwrap_or_default(),
    })
}

/// Processes that wait for what is around them, from `process_id` (the one that waits longest), `executor_type, waits_on,
/// function, labels, reason, count, since_ms`.
pub fn wait_summary(row: &dyn Columns) -> StoreResult<WaitSummary> {
    let (fields, longest) = Fields::of_process(row, "blocked")?;
    Ok(WaitSummary {
        longest,
        function: fields.text("function")?,
        labels: fields.json("labels").unwrap_or_default(),
        executor_type: fields.text("executor_type")?,
        surroundings: fields.text_if_any("waits_on")?.unwrap_or_default(),
        reason: fields.text_if_any("reason")?.unwrap_or_default(),
        count: fields.number("count")?,
        since_ms: fields.number_if_any("since_ms")?,
    })
}
