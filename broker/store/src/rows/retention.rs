//! Rows about retention.

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{ColonyKey, RangeResult, RetentionBacklog, RetentionHold};

/// Reads a colony and the end of a process from `colony, first_ms`.
pub fn past_retention(row: &dyn Columns) -> StoreResult<(ColonyKey, i64)> {
    let fields = Fields::of_summary(row, "finished");
    Ok((ColonyKey(fields.number("colony")?), fields.number("first_ms")?))
}

/// Reads the result of a deletion from `read, deleted, last_ms`.
pub fn range_result(row: &dyn Columns) -> StoreResult<RangeResult> {
    let fields = Fields::of_summary(row, "finished");
    let (read, deleted) = (fields.number("read")?, fields.number("deleted")?);
    Ok(RangeResult { read, deleted, last_ms: fields.number_if_any("last_ms")? })
}

/// Reads a backlog from `first_ms, free, keys, children`.
pub fn retention_backlog(row: &dyn Columns) -> StoreResult<RetentionBacklog> {
    let fields = Fields::of_summary(row, "finished");
    Ok(RetentionBacklog {
        first_ms: fields.number_if_any("first_ms")?,
        free: fields.number("free")?,
        keys: fields.number("keys")?,
        children: fields.number("children")?,
    })
}

/// Reads a hold from `name, from_ms`.
pub fn retention_hold(row: &dyn Columns) -> StoreResult<RetentionHold> {
    let fields = Fields::of_summary(row, "retention_holds");
    Ok(RetentionHold { name: fields.text("name")?, from_ms: fields.number("from_ms")? })
}

/// Reads the time of a hold from `from_ms`.
pub fn retention_hold_from(row: &dyn Columns) -> StoreResult<i64> {
    Fields::of_summary(row, "retention_holds").number("from_ms")
}
