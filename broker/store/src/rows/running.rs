//! Rows about progress, logs and attributes.

use bytes::Bytes;
use uuid::Uuid;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::documents::document_bytes;
use crate::logbook::Totals;
use crate::model::{Attribute, CheckpointSize, GrantKey, LogCursor, LogLine, StoredProgress};

/// Reads the result for a report under a held lease from `process_id, changed`; true if it was newer than the stored one.
pub fn reported(row: &dyn Columns) -> StoreResult<(Uuid, bool)> {
    let (fields, process_id) = Fields::of_process(row, "progress")?;
    Ok((process_id, fields.number("changed")? != 0))
}

/// Reads signed progress from `process_id, executor, payload, signature`.
pub fn stored_progress(row: &dyn Columns) -> StoreResult<StoredProgress> {
    let (fields, process_id) = Fields::of_process(row, "progress")?;
    progress(&fields, process_id, fields.document("payload")?)
}

/// Reads signed progress for a claim, which no damaged checkpoint must stop, from the same columns.
pub fn checkpoint(row: &dyn Columns) -> StoreResult<StoredProgress> {
    let (fields, process_id) = Fields::of_process(row, "progress")?;
    progress(&fields, process_id, fields.document_or_bytes("payload")?)
}

fn progress(fields: &Fields<'_>, process_id: Uuid, payload: Bytes) -> StoreResult<StoredProgress> {
    let (executor, signature) = (GrantKey(fields.number("executor")?), fields.bytes("signature")?);
    Ok(StoredProgress { process_id, executor, payload, signature })
}

/// Reads the size of a checkpoint from `process_id, executor`, and the length and beginning of its stored form, `bytes, head`.
pub fn checkpoint_size(row: &dyn Columns) -> StoreResult<CheckpointSize> {
    let (fields, process_id) = Fields::of_process(row, "progress")?;
    let stored_bytes = usize::try_from(fields.number("bytes")?).unwrap_or(usize::MAX);
    // A damaged one is passed on as it is stored, so that the stored length counts.
    let bytes = document_bytes(&fields.bytes("head")?, stored_bytes).unwrap_or(stored_bytes);
    Ok(CheckpointSize { process_id, executor: GrantKey(fields.number("executor")?), bytes })
}

/// Reads the size of a process's log from `process_id, lines, bytes`.
pub fn log_totals(row: &dyn Columns) -> StoreResult<(Uuid, Totals)> {
    let (fields, process_id) = Fields::of_process(row, "log_totals")?;
    Ok((process_id, Totals { lines: fields.small("lines")?, bytes: fields.number("bytes")? }))
}

/// Reads a log line from its columns and `executor_name`.
pub fn log_line(row: &dyn Columns) -> StoreResult<LogLine> {
    let (fields, process_id) = Fields::of_process(row, "logs")?;
    Ok(LogLine {
        line: LogCursor(fields.number("line")?),
        process_id,
        attempt: fields.small("attempt")?,
        executor: fields.text_if_any("executor_name")?.unwrap_or_default(),
        time_ms: fields.number("time_ms")?,
        level: fields.text("level")?,
        message: fields.text("message")?,
        fields: fields.text_if_any("fields")?,
        is_hidden: false,
    })
}

/// Reads an attribute and its process from their columns.
pub fn attribute(row: &dyn Columns) -> StoreResult<(Uuid, Attribute)> {
    let (fields, process_id) = Fields::of_process(row, "attributes")?;
    let attribute = Attribute {
        kind: fields.text("kind")?,
        key: fields.text("key")?,
        value: fields.text("value")?,
        attempt: fields.small("attempt")?,
    };
    Ok((process_id, attribute))
}
