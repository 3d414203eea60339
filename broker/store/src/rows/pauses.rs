//! Rows about pauses.

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{Pause, PauseKind, PauseTarget};

/// Reads a pause from `kind, name, paused_by, reason, since_ms`.
pub fn pause(row: &dyn Columns) -> StoreResult<Pause> {
    let fields = Fields::of_summary(row, "pauses");
    let word = fields.text("kind")?;
    let Some(kind) = PauseKind::from_word(&word) else {
        return Err(fields.corrupt("kind", format!("is {word:?}, which cannot be paused")));
    };
    Ok(Pause {
        what: PauseTarget { kind, name: fields.text("name")? },
        by: fields.text("paused_by")?,
        reason: fields.text("reason")?,
        since_ms: fields.number("since_ms")?,
    })
}
