//! Rows about bulk actions.

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Bulk, BulkAction, BulkState, ColonyKey, ProcessCursor};

/// Reads a bulk action from its row.
pub fn bulk(row: &dyn Columns) -> StoreResult<Bulk> {
    let fields = Fields::of_summary(row, "bulks");
    let (action, state) = (fields.text("action")?, fields.text("state")?);
    let after_ms = fields.number_if_any("after_ms")?;
    let after = after_ms.zip(fields.uuid_if_any("after_id")?);
    Ok(Bulk {
        bulk_id: fields.uuid("bulk_id")?,
        colony: ColonyKey(fields.number("colony")?),
        action: BulkAction::from_word(&action).ok_or_else(|| fields.corrupt("action", "is no action"))?,
        filter: fields.json("filter")?,
        reason: fields.text("reason")?,
        by: fields.text("started_by")?,
        state: BulkState::from_word(&state).ok_or_else(|| fields.corrupt("state", "is no state"))?,
        matched: fields.number("matched")?,
        more_may_match: fields.number("more_may_match")? != 0,
        changed: fields.number("changed")?,
        skipped: fields.number("skipped")?,
        started_at_ms: fields.number("started_at_ms")?,
        ended_at_ms: fields.number_if_any("ended_at_ms")?,
        after: after.map(|(submitted_at_ms, process_id)| ProcessCursor { submitted_at_ms, process_id }),
    })
}

/// Reads the state of a bulk action from `state`.
pub fn bulk_state(row: &dyn Columns) -> StoreResult<BulkState> {
    let fields = Fields::of_summary(row, "bulks");
    BulkState::from_word(&fields.text("state")?).ok_or_else(|| fields.corrupt("state", "is no state"))
}

/// Reads a count from `count`.
pub fn count(row: &dyn Columns) -> StoreResult<i64> {
    Fields::of_summary(row, "processes").number("count")
}

/// Reads from `named` if a name is known.
pub fn named(row: &dyn Columns) -> StoreResult<bool> {
    Ok(Fields::of_summary(row, "grants").small("named")? != 0)
}
