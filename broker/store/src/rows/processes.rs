//! Rows about processes.

use uuid::Uuid;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{
    Attempt, ColonyKey, GrantKey, ProcessCount, ProcessCursor, ProcessPage, ProcessRecord, ProcessState,
    ProcessSummary, SpecRecord, SubmitResult,
};

/// Reads a process's state from `state`.
pub(super) fn state(fields: &Fields<'_>) -> StoreResult<ProcessState> {
    let word = fields.text("state")?;
    ProcessState::from_word(&word).ok_or_else(|| {
        let shown: String = word.chars().take(40).collect();
        fields.corrupt("state", format!("is {shown:?}, which is no state"))
    })
}

/// Reads a process id from `process_id`.
pub fn process_id(row: &dyn Columns) -> StoreResult<Uuid> {
    Fields::of_process(row, "queue").map(|(_, process_id)| process_id)
}

/// The facts that decide whether an operator can change a process.
#[derive(Clone, Copy)]
pub struct KnownState {
    /// The state.
    pub state: ProcessState,
    /// The time since which it is in this state.
    pub since_ms: i64,
    /// True if another process replaces it, or is to replace it.
    pub is_replaced: bool,
    /// True if it waits for other processes.
    pub has_parents: bool,
}

/// Reads those facts from `process_id, state, since_ms, is_replaced, has_parents`.
pub fn known_state(row: &dyn Columns) -> StoreResult<(Uuid, KnownState)> {
    let (fields, process_id) = Fields::of_process(row, "states")?;
    let known = KnownState {
        state: state(&fields)?,
        since_ms: fields.number("since_ms")?,
        is_replaced: fields.number("is_replaced")? != 0,
        has_parents: fields.number("has_parents")? != 0,
    };
    Ok((process_id, known))
}

/// Reads a process and its colony from `process_id, colony`.
pub fn of_colony(row: &dyn Columns) -> StoreResult<(ColonyKey, Uuid)> {
    let (fields, process_id) = Fields::of_process(row, "finished")?;
    Ok((ColonyKey(fields.number("colony")?), process_id))
}

/// Reads a process and its colony from `process_id, colony`; `None` if the colony is null.
pub fn of_colony_if_any(row: &dyn Columns) -> StoreResult<Option<(ColonyKey, Uuid)>> {
    let (fields, process_id) = Fields::of_process(row, "finished")?;
    Ok(fields.number_if_any("colony")?.map(|colony| (ColonyKey(colony), process_id)))
}

/// Reads a process without its documents from a row of the view `processes` with its labels as text.
pub fn summary(row: &dyn Columns) -> StoreResult<ProcessSummary> {
    let (fields, process_id) = Fields::of_process(row, "processes")?;
    Ok(ProcessSummary {
        process_id,
        colony: ColonyKey(fields.number("colony")?),
        function: fields.text("function")?,
        executor_type: fields.text("executor_type")?,
        state: state(&fields)?,
        attempt: fields.small("attempt")?,
        retries_spent: fields.small("retries_spent")?,
        priority: fields.small("priority")?,
        submitted_at_ms: fields.number("submitted_at_ms")?,
        since_ms: fields.number("since_ms")?,
        until_ms: fields.number_if_any("until_ms")?,
        submitter_grant: GrantKey(fields.number("submitter")?),
        submitter: fields.text_if_any("submitter_name")?.unwrap_or_default(),
        executor: fields.text_if_any("executor_name")?,
        reason: fields.text_if_any("reason")?,
        labels: fields.json("labels")?,
        ended_by: fields.text_if_any("ended_by")?,
        cancel_deadline_ms: fields.number_if_any("cancel_deadline_ms")?,
        blocked_cause: fields.text_if_any("cause")?,
        percent: fields.real_if_any("percent")?,
        progress: fields.text_if_any("progress")?,
    })
}

/// Reads a page from rows of the view `processes`. Of a row that `is_end` only the position counts, where the list goes on, or, if that is
/// 2, that the page must be read by another statement: then the result is `None`.
pub fn process_page<R: Columns>(found: &[R]) -> StoreResult<Option<ProcessPage>> {
    let mut page = ProcessPage { processes: Vec::with_capacity(found.len()), next: None };
    for row in found {
        let (fields, process_id) = Fields::of_process(row, "processes")?;
        match fields.number("is_end")? {
            0 => page.processes.push(summary(row)?),
            1 => page.next = Some(ProcessCursor { submitted_at_ms: fields.number("submitted_at_ms")?, process_id }),
            _ => return Ok(None),
        }
    }
    Ok(Some(page))
}

/// Reads the number of processes that match from `count, is_more`.
pub fn process_count(row: &dyn Columns) -> StoreResult<ProcessCount> {
    let fields = Fields::of_summary(row, "processes");
    Ok(ProcessCount { count: fields.number("count")?, is_more: fields.number("is_more")? != 0 })
}

/// Reads a process with its signed spec from the columns of its summary and `submitter, payload, signature`.
pub fn process_record(row: &dyn Columns) -> StoreResult<ProcessRecord> {
    let (fields, _) = Fields::of_process(row, "specs")?;
    Ok(ProcessRecord {
        summary: summary(row)?,
        submitter: GrantKey(fields.number("submitter")?),
        payload: fields.document("payload")?,
        signature: fields.bytes("signature")?,
    })
}

/// Reads a spec from `process_id, payload`.
pub fn spec_record(row: &dyn Columns) -> StoreResult<SpecRecord> {
    let (fields, process_id) = Fields::of_process(row, "specs")?;
    Ok(SpecRecord { process_id, payload: fields.document("payload")? })
}

/// Reads an attempt from `process_id` and the columns of `attempts`, or from a lease whose ending is given as `running`.
pub fn attempt(row: &dyn Columns) -> StoreResult<Attempt> {
    let (fields, _) = Fields::of_process(row, "attempts")?;
    let payload = fields.document_if_any("result_payload")?;
    let signature = fields.bytes_if_any("result_signature")?;
    Ok(Attempt {
        attempt: fields.small("attempt")?,
        executor: GrantKey(fields.number("executor")?),
        claimed_at_ms: fields.number("claimed_at_ms")?,
        ended_at_ms: fields.number_if_any("ended_at_ms")?,
        ending: fields.text("ending")?,
        reason: fields.text_if_any("reason")?,
        result: match (payload, signature) {
            (Some(payload), Some(signature)) => Some((payload, signature)),
            (None, None) => None,
            _ => return Err(fields.corrupt("result_signature", "is without its payload, or the other way round")),
        },
    })
}

/// Reads the answer for an item of a submit from `process_id` (the item's), `same`, `first`, `redrove` and `state`:
/// - `same` is 1 if the id belongs to the same spec in the same colony, 0 if it belongs to anything else, and null if it is free;
/// - `first` is the process of the item's live idempotency key, or null;
/// - `redrove` is the process that the same spec put back into the queue earlier, or null;
/// - `state` is the state of the process to answer with.
///
/// `None` for an item that can be stored.
pub fn known_process(row: &dyn Columns) -> StoreResult<(Uuid, Option<SubmitResult>)> {
    let (fields, process_id) = Fields::of_process(row, "specs")?;
    let answer = match (fields.number_if_any("same")?, fields.uuid_if_any("first")?) {
        (Some(1), _) => {
            let process_id = fields.uuid_if_any("redrove")?.unwrap_or(process_id);
            Some(SubmitResult::Existed { process_id, state: state(&fields)? })
        }
        (Some(_), _) => Some(SubmitResult::IdTaken),
        (None, Some(first)) => Some(SubmitResult::Existed { process_id: first, state: state(&fields)? }),
        (None, None) => None,
    };
    Ok((process_id, answer))
}
