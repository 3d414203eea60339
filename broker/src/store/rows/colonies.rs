//! Rows about colonies.

use super::{Columns, Fields};
use crate::model::{Colony, ColonyKey, ProcessState};
use crate::store::StoreResult;

/// A colony from `key, id, name, created_at_ms`.
pub(in crate::store) fn colony(row: &dyn Columns) -> StoreResult<Colony> {
    let (fields, key) = Fields::of_number(row, "colonies")?;
    Ok(Colony {
        key: ColonyKey(key),
        id: fields.id("id")?,
        name: fields.text("name")?,
        created_at_ms: fields.number("created_at_ms")?,
    })
}

/// A count from `state, processes`.
pub(in crate::store) fn state_count(row: &dyn Columns) -> StoreResult<(ProcessState, i64)> {
    let fields = Fields::of_summary(row, "finished");
    Ok((super::processes::state(&fields)?, fields.number("processes")?))
}
