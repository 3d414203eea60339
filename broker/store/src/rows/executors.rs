//! Rows about executors.

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Announcement, ExecutorRecord, FunctionStatistics, MinMeanMax};

/// Reads an executor from its row in `executors` with `number` as `key` and `key` as `executor`, and from `running` and
/// `drained_at_ms`.
pub fn executor(row: &dyn Columns) -> StoreResult<ExecutorRecord> {
    let (fields, number) = Fields::of_number(row, "executors")?;
    Ok(ExecutorRecord {
        number,
        key: fields.id("executor")?,
        executor_type: fields.text("executor_type")?,
        name: fields.text("name")?,
        registered_at_ms: fields.number_if_any("registered_at_ms")?,
        rejected_at_ms: fields.number_if_any("rejected_at_ms")?,
        last_heard_ms: fields.number_if_any("last_heard_ms")?,
        offer: fields.json("offer")?,
        functions: fields.json("functions")?,
        version: fields.text_if_any("version")?.unwrap_or_default(),
        slots: fields.number_if_any("slots")?.filter(|slots| *slots > 0),
        running: fields.number("running")?,
        drained_at_ms: fields.number_if_any("drained_at_ms")?,
    })
}

/// Reads the announcement of an executor from `number` as `key`, `key` as `executor`, and `executor_type, name, last_heard_ms,
/// functions`.
pub fn announcement(row: &dyn Columns) -> StoreResult<Announcement> {
    let (fields, _) = Fields::of_number(row, "executors")?;
    Ok(Announcement {
        key: fields.id("executor")?,
        executor_type: fields.text("executor_type")?,
        name: fields.text("name")?,
        last_heard_ms: fields.number_if_any("last_heard_ms")?,
        functions: fields.json("functions")?,
    })
}

/// Reads the statistics of a function from `executor_type, function, count, succeeded` and the minimum, mean and maximum of
/// `wait_ms` and `run_ms`.
pub fn function_statistics(row: &dyn Columns) -> StoreResult<FunctionStatistics> {
    let fields = Fields::of_summary(row, "finished");
    let spread = |min, mean, max| -> StoreResult<MinMeanMax> {
        Ok(MinMeanMax {
            min: fields.number_if_any(min)?,
            mean: fields.number_if_any(mean)?,
            max: fields.number_if_any(max)?,
        })
    };
    Ok(FunctionStatistics {
        executor_type: fields.text("executor_type")?,
        function: fields.text("function")?,
        count: fields.number("count")?,
        succeeded: fields.number("succeeded")?,
        wait_ms: spread("wait_ms_min", "wait_ms_mean", "wait_ms_max")?,
        run_ms: spread("run_ms_min", "run_ms_mean", "run_ms_max")?,
        is_cut: fields.number("is_cut")? != 0,
    })
}
