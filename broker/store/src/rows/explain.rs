//! Rows about the reasons why work waits.

use super::{Columns, Fields, colony, state, summary};
use crate::StoreResult;
use crate::limits::EXPLAIN_AHEAD_MAX;
use crate::model::{
    Bucket, Colony, ExplainRecord, FailureSummary, LimitHolders, WaitSummary, WaitingGroup, WaitingType,
};

/// Reads a process with everything that decides whether it runs: the columns of its summary, spec, place in the queue and lease.
pub fn explain(row: &dyn Columns) -> StoreResult<ExplainRecord> {
    let (fields, _) = Fields::of_process(row, "specs")?;
    let ahead = fields.number("ahead")?;
    Ok(ExplainRecord {
        summary: summary(row)?,
        requires: fields.json("requires")?,
        executor_names: fields.json("executor_names")?,
        concurrency_key: fields.text_if_any("concurrency_key")?,
        rate_key: fields.text_if_any("rate_key")?,
        wait_deadline_ms: fields.number_if_any("wait_deadline_ms")?,
        wait_left_ms: fields.number_if_any("wait_left_ms")?,
        ahead: ahead.min(EXPLAIN_AHEAD_MAX),
        more_ahead: ahead > EXPLAIN_AHEAD_MAX,
        run_ms_mean: fields.number_if_any("run_ms_mean")?.map(|run_ms| run_ms.max(0)),
        parents: Vec::new(),
        renewed_at_ms: fields.number_if_any("renewed_at_ms")?,
    })
}

/// Reads the processes that run under a limit from `process_id, running` of each row.
pub fn holders(rows: &[impl Columns]) -> StoreResult<LimitHolders> {
    let mut holders = LimitHolders::default();
    for row in rows {
        let (fields, process_id) = Fields::of_process(row, "leases")?;
        holders.running = fields.number("running")?;
        holders.process_ids.push(process_id);
    }
    Ok(holders)
}

/// Reads a token bucket from `tokens, filled_at_ms`.
pub fn bucket(row: &dyn Columns) -> StoreResult<Bucket> {
    let fields = Fields::of_summary(row, "buckets");
    Ok(Bucket {
        tokens: fields.real_if_any("tokens")?.unwrap_or_default(),
        filled_at_ms: fields.number("filled_at_ms")?,
    })
}

/// Reads waiting processes of one sort from the columns that decide which executors may have them, `count` and `since_ms`.
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

/// Reads a colony and the waiting work of one of its executor types from the colony's columns and `executor_type, count, is_cut,
/// since_ms`.
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

/// Reads processes that ended badly from `process_id` (the last of them), `state, count, since_ms, function, labels, reason`.
pub fn failure_summary(row: &dyn Columns) -> StoreResult<FailureSummary> {
    let (fields, last) = Fields::of_process(row, "finished")?;
    Ok(FailureSummary {
        state: state(&fields)?,
        count: fields.number("count")?,
        since_ms: fields.number("since_ms")?,
        last,
        function: fields.text("function")?,
        // For display only: a damaged column must not hide the rest.
        labels: fields.json("labels").unwrap_or_default(),
        reason: fields.text_if_any("reason")?.unwrap_or_default(),
    })
}

/// Reads processes that wait for their surroundings from `process_id` (the one that waits longest), `executor_type, waits_on,
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
