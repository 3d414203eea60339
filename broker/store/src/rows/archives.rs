//! Rows about the archive.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Columns, Fields};
use crate::StoreResult;
use crate::model::{FinishedProcess, FinishedProgress, GrantKey, SignedBytes, StoredArchive};

/// Reads an object from `number, object, digest, payload, signature, signer, recorded`.
pub fn stored_archive(row: &dyn Columns) -> StoreResult<StoredArchive> {
    let fields = Fields::of_summary(row, "archives");
    Ok(StoredArchive {
        number: fields.number("number")?,
        object: fields.text("object")?,
        digest: fields.digest("digest")?,
        payload: fields.bytes("payload")?.into(),
        signature: fields.bytes("signature")?,
        signer: fields.bytes("signer")?,
        recorded: fields.number("recorded")?,
    })
}

/// Reads the line of a process from `line`.
pub fn archive_line(row: &dyn Columns) -> StoreResult<i64> {
    Fields::of_summary(row, "archived").number("line")
}

/// Reads a revocation from `payload, signature`.
pub fn revocation(row: &dyn Columns) -> StoreResult<SignedBytes> {
    let fields = Fields::of_summary(row, "revocations");
    Ok((fields.bytes("payload")?.into(), fields.bytes("signature")?))
}

/// Reads a finished process, without what is in other tables, from `process_id, submitter, submitted_at_ms, priority_time_us, payload,
/// signature, finished_at_ms, state, attempt, retries_spent, reason, ended_by, replaced_by`.
pub fn finished_process(row: &dyn Columns) -> StoreResult<FinishedProcess> {
    let (fields, process_id) = Fields::of_process(row, "finished")?;
    Ok(FinishedProcess {
        process_id,
        submitter: GrantKey(fields.number("submitter")?),
        submitted_at_ms: fields.number("submitted_at_ms")?,
        priority_time_us: fields.number("priority_time_us")?,
        payload: fields.document("payload")?,
        signature: fields.bytes("signature")?,
        finished_at_ms: fields.number("finished_at_ms")?,
        state: super::processes::state(&fields)?,
        attempt: fields.small("attempt")?,
        retries_spent: fields.small("retries_spent")?,
        reason: fields.text_if_any("reason")?,
        ended_by: fields.text_if_any("ended_by")?,
        replaced_by: fields.uuid_if_any("replaced_by")?,
        attempts: Vec::new(),
        progress: None,
        attributes: Vec::new(),
        logs: Vec::new(),
    })
}

/// Reads the last progress of a process, from the columns of `progress`.
pub fn finished_progress(row: &dyn Columns) -> StoreResult<(Uuid, FinishedProgress)> {
    let (fields, process_id) = Fields::of_process(row, "progress")?;
    let checkpoint = match (fields.document_if_any("checkpoint_payload")?, fields.bytes_if_any("checkpoint_signature")?)
    {
        (Some(payload), Some(signature)) => Some((fields.small("checkpoint_attempt")?, payload, signature)),
        _ => None,
    };
    let progress = FinishedProgress {
        attempt: fields.small("attempt")?,
        number: fields.number("number")?,
        reported_at_ms: fields.number("reported_at_ms")?,
        percent: fields.real_if_any("percent")?,
        message: fields.text_if_any("message")?,
        document: (fields.document("payload")?, fields.bytes("signature")?),
        checkpoint,
    };
    Ok((process_id, progress))
}

/// Reads the process of a row from `process_id`.
pub fn owner(row: &dyn Columns) -> StoreResult<Uuid> {
    Fields::of_process(row, "attempts").map(|(_, process_id)| process_id)
}

/// Gives each process what belongs to it.
pub fn gather<T>(
    processes: &mut [FinishedProcess],
    parts: impl IntoIterator<Item = (Uuid, T)>,
    add: impl Fn(&mut FinishedProcess, T),
) {
    let places: HashMap<Uuid, usize> =
        processes.iter().enumerate().map(|(at, process)| (process.process_id, at)).collect();
    for (process_id, part) in parts {
        if let Some(process) = places.get(&process_id).and_then(|at| processes.get_mut(*at)) {
            add(process, part);
        }
    }
}
