//! Rows about parents and children.

use uuid::Uuid;

use super::{Columns, Fields, state};
use crate::StoreResult;
use crate::model::{FailedParent, Parent, ParentEnd, ProcessState};

/// Reads the final outcome of a parent from `process_id, fate, replaced_by`.
pub fn parent_end(row: &dyn Columns) -> StoreResult<(Uuid, ParentEnd)> {
    let (fields, process_id) = Fields::of_process(row, "dependencies")?;
    let end = match (fields.text("fate")?.as_str(), fields.uuid_if_any("replaced_by")?) {
        ("succeeded", _) => ParentEnd::Succeeded,
        ("cancelled", _) => ParentEnd::Cancelled,
        ("deleted", _) => ParentEnd::Deleted,
        ("replaced", Some(by)) => ParentEnd::Replaced(by),
        (other, _) => return Err(fields.corrupt("fate", format!("is {other:?}, which is no end"))),
    };
    Ok((process_id, end))
}

/// Reads a process that is to be a parent from `process_id, state, replaced_by`.
pub fn future_parent(row: &dyn Columns) -> StoreResult<(Uuid, Parent)> {
    let (fields, process_id) = Fields::of_process(row, "states")?;
    Ok((process_id, Parent { state: state(&fields)?, replaced_by: fields.uuid_if_any("replaced_by")? }))
}

/// Reads a process with an ended wait from `process_id, is_free`; true if it waits for no other parent.
pub fn freed(row: &dyn Columns) -> StoreResult<(Uuid, bool)> {
    let (fields, process_id) = Fields::of_process(row, "dependencies")?;
    Ok((process_id, fields.number("is_free")? != 0))
}

/// Reads a failed parent from `process_id, count, since_ms`.
pub fn failed_parent(row: &dyn Columns) -> StoreResult<FailedParent> {
    let (fields, process_id) = Fields::of_process(row, "dependencies")?;
    Ok(FailedParent { process_id, count: fields.number("count")?, since_ms: fields.number("since_ms")? })
}

/// Reads a parent and its state from `process_id, state`; `None` for a deleted one.
pub fn parent(row: &dyn Columns) -> StoreResult<(Uuid, Option<ProcessState>)> {
    let (fields, process_id) = Fields::of_process(row, "dependencies")?;
    let is_there = fields.text_if_any("state")?.is_some();
    Ok((process_id, is_there.then(|| state(&fields)).transpose()?))
}
