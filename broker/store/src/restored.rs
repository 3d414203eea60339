//! Rows of a process that is put back from the archive, as JSON lists for the statements of both databases. Bytes are hexadecimal digits;
//! documents are compressed, as they are stored.

use serde::Serialize;

use crate::checks::storable;
use crate::model::FinishedProcess;
use crate::{StoreError, StoreResult, checks, documents};

/// An attempt to store.
#[derive(Serialize)]
struct AttemptRow<'a> {
    attempt: i32,
    executor: i64,
    claimed_at_ms: i64,
    ended_at_ms: i64,
    ending: &'a str,
    reason: Option<String>,
    result_signature: Option<String>,
    result_payload: Option<String>,
}

/// A last progress to store.
#[derive(Serialize)]
struct ProgressRow {
    attempt: i32,
    number: i64,
    executor: i64,
    reported_at_ms: i64,
    percent: Option<f64>,
    message: Option<String>,
    signature: String,
    payload: String,
    checkpoint_executor: Option<i64>,
    checkpoint_attempt: Option<i32>,
    checkpoint_signature: Option<String>,
    checkpoint_payload: Option<String>,
}

/// A log line to store.
#[derive(Serialize)]
struct LogRow<'a> {
    line: i64,
    attempt: i32,
    executor: i64,
    time_ms: i64,
    level: &'a str,
    message: String,
    fields: Option<String>,
}

/// An attribute to store.
#[derive(Serialize)]
struct AttributeRow<'a> {
    attempt: i32,
    kind: &'a str,
    key: String,
    value: String,
}

fn text(words: &str) -> String {
    storable(words).into_owned()
}

fn document(payload: &[u8]) -> String {
    hex::encode(documents::pack(payload))
}

/// Returns the attempts.
///
/// # Errors
///
/// [`StoreError::Refused`] for one that has not ended.
pub fn attempts(process: &FinishedProcess) -> StoreResult<String> {
    let row = |attempt: &'_ crate::model::Attempt| {
        let ended_at_ms = attempt.ended_at_ms.ok_or_else(|| refused("an attempt that runs"))?;
        let (payload, signature) =
            attempt.result.as_ref().map(|(payload, signature)| (&payload[..], &signature[..])).unzip();
        Ok((ended_at_ms, payload.map(document), signature.map(hex::encode)))
    };
    let rows = process.attempts.iter().map(|attempt| {
        let (ended_at_ms, result_payload, result_signature) = row(attempt)?;
        Ok(AttemptRow {
            attempt: attempt.attempt,
            executor: attempt.executor.0,
            claimed_at_ms: attempt.claimed_at_ms,
            ended_at_ms,
            ending: &attempt.ending,
            reason: attempt.reason.as_deref().map(text),
            result_signature,
            result_payload,
        })
    });
    checks::json(&rows.collect::<StoreResult<Vec<_>>>()?)
}

/// Returns the progress; an empty list for none.
///
/// # Errors
///
/// [`StoreError::Refused`] for progress of an attempt that is not there.
pub fn progress(process: &FinishedProcess) -> StoreResult<String> {
    let executor =
        |attempt| process.executor(attempt).map(|key| key.0).ok_or_else(|| refused("progress without its attempt"));
    let rows = process.progress.iter().map(|last| {
        let checkpoint = last.checkpoint.as_ref();
        Ok(ProgressRow {
            attempt: last.attempt,
            number: last.number,
            executor: executor(last.attempt)?,
            reported_at_ms: last.reported_at_ms,
            percent: last.percent,
            message: last.message.as_deref().map(text),
            signature: hex::encode(&last.document.1),
            payload: document(&last.document.0),
            checkpoint_executor: checkpoint.map(|(attempt, ..)| executor(*attempt)).transpose()?,
            checkpoint_attempt: checkpoint.map(|(attempt, ..)| *attempt),
            checkpoint_signature: checkpoint.map(|(_, _, signature)| hex::encode(signature)),
            checkpoint_payload: checkpoint.map(|(_, payload, _)| document(payload)),
        })
    });
    checks::json(&rows.collect::<StoreResult<Vec<_>>>()?)
}

/// Returns the log.
///
/// # Errors
///
/// [`StoreError::Refused`] for a line of an attempt that is not there.
pub fn logs(process: &FinishedProcess) -> StoreResult<String> {
    let rows = process.logs.iter().map(|line| {
        let executor = process.executor(line.attempt).ok_or_else(|| refused("a log line without its attempt"))?;
        Ok(LogRow {
            line: line.line.0,
            attempt: line.attempt,
            executor: executor.0,
            time_ms: line.time_ms,
            level: &line.level,
            message: text(&line.message),
            fields: line.fields.as_deref().map(text),
        })
    });
    checks::json(&rows.collect::<StoreResult<Vec<_>>>()?)
}

/// Returns the attributes.
///
/// # Errors
///
/// As for any JSON.
pub fn attributes(process: &FinishedProcess) -> StoreResult<String> {
    let rows = process.attributes.iter().map(|one| AttributeRow {
        attempt: one.attempt,
        kind: &one.kind,
        key: text(&one.key),
        value: text(&one.value),
    });
    checks::json(&rows.collect::<Vec<_>>())
}

fn refused(what: &str) -> StoreError {
    StoreError::Refused(format!("{what} cannot be restored"))
}
