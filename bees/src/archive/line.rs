//! A line of an object: one process, with everything that proves it, and everything that its broker needs to have it back.

use apiary_executor_sdk::bundle::{Bundle, BundleError, dsse, envelope};
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{ClientError, v1};
use apiary_identity::chain::{verify_grant, verify_progress, verify_result, verify_spec};
use apiary_identity::{Digest, Id};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ArchiveError;

/// The format, which readers check first.
const FORMAT: &str = "apiary.archived_process.v1";

/// A process in the archive. `process` is what `apiary process export` prints, and is verified alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    format: String,
    process: Bundle,
    broker: Statement,
    progress: Option<ProgressLine>,
    attributes: Vec<AttributeLine>,
    logs: Vec<LogLine>,
    /// Revocations of the grants, as the colony signed them.
    revocations: Vec<Box<RawValue>>,
    /// Reserved: payloads that are kept beside the spec.
    payloads: Vec<Box<RawValue>>,
    /// Reserved: the proof that the process is in the colony's log.
    log: Option<Box<RawValue>>,
}

/// The broker's words of the process, beyond those in the bundle.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    submitted_at_ms: i64,
    finished_at_ms: i64,
    priority_time_us: i64,
    retries_spent: i32,
    reason: String,
    own_reason: Option<String>,
    ended_by: String,
    replaced_by: String,
}

/// The last signed progress, and the last checkpoint. Percentages are text, so that no digit is lost.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgressLine {
    attempt: i32,
    number: i64,
    reported_at_ms: i64,
    percent: Option<String>,
    message: Option<String>,
    document: Option<Box<RawValue>>,
    checkpoint_attempt: i32,
    checkpoint: Option<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeLine {
    attempt: i32,
    kind: String,
    key: String,
    value: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogLine {
    line: i64,
    attempt: i32,
    executor: String,
    time_ms: i64,
    level: String,
    message: String,
    fields: String,
}

impl Line {
    /// Makes the line of a process.
    ///
    /// # Errors
    ///
    /// A process with a document that is none.
    pub fn new(colony: Id, process: &v1::FinishedProcess) -> Result<Self, ClientError> {
        let shown = process.process.clone().unwrap_or_default();
        let answer = v1::GetProcessResponse {
            process: process.process.clone(),
            spec: process.spec.clone(),
            submitter_grant: process.submitter_grant.clone(),
            attempts: process.attempts.clone(),
            ..Default::default()
        };
        let progress = process.progress.as_ref().map(|last| {
            Ok::<_, ClientError>(ProgressLine {
                attempt: last.attempt,
                number: last.number,
                reported_at_ms: last.reported_at_ms,
                percent: last.percent.map(|percent| percent.to_string()),
                message: last.message.clone(),
                document: dsse(last.document.as_ref())?,
                checkpoint_attempt: last.checkpoint_attempt,
                checkpoint: dsse(last.checkpoint.as_ref())?,
            })
        });
        let mut revocations = Vec::new();
        for revocation in &process.revocations {
            revocations.extend(dsse(Some(revocation))?);
        }
        Ok(Self {
            format: FORMAT.to_owned(),
            process: Bundle::new(colony, &answer)?,
            broker: Statement {
                submitted_at_ms: shown.submitted_at_ms,
                finished_at_ms: shown.state_since_ms,
                priority_time_us: process.priority_time_us,
                retries_spent: shown.retries_spent,
                reason: shown.reason,
                own_reason: process.own_reason.clone(),
                ended_by: shown.ended_by,
                replaced_by: process.replaced_by.clone(),
            },
            progress: progress.transpose()?,
            attributes: process.attributes.iter().map(AttributeLine::new).collect(),
            logs: process.logs.iter().map(LogLine::new).collect(),
            revocations,
            payloads: Vec::new(),
            log: None,
        })
    }

    /// Reads a line. Nothing in it is verified yet.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] for another format.
    pub fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let line: Self = serde_json::from_slice(bytes)
            .map_err(|error| ArchiveError::Damaged(format!("a line of the archive is no process: {error}")))?;
        match line.format == FORMAT {
            true => Ok(line),
            false => {
                Err(ArchiveError::Damaged(format!("a line has the format {:?}, and `{FORMAT}` is read", line.format)))
            }
        }
    }

    /// Returns the line's bytes, without a newline.
    ///
    /// # Errors
    ///
    /// As for any JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        serde_json::to_vec(self).map_err(|error| ArchiveError::Damaged(format!("a process cannot be printed: {error}")))
    }

    /// Returns the time at which it finished.
    pub fn finished_at_ms(&self) -> i64 {
        self.broker.finished_at_ms
    }

    /// Returns the process's id, by the broker's word.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] for what is no UUID.
    pub fn process_id(&self) -> Result<uuid::Uuid, ArchiveError> {
        self.process.process_id().map_err(damaged)
    }

    /// Returns the answer that the broker gave while it had the process.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] for a document that is none.
    pub fn to_answer(&self) -> Result<v1::GetProcessResponse, ArchiveError> {
        let finished = self.to_finished()?;
        let progress = finished.progress.unwrap_or_default();
        let by = finished.attempts.iter().find(|attempt| attempt.attempt == progress.attempt);
        Ok(v1::GetProcessResponse {
            progress_grant: by.and_then(|attempt| attempt.executor_grant.clone()),
            progress: progress.document,
            process: finished.process,
            spec: finished.spec,
            submitter_grant: finished.submitter_grant,
            attempts: finished.attempts,
            attributes: finished.attributes,
            payload_hidden: false,
        })
    }

    /// Returns the process as the broker gave it.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] for a document that is none.
    pub fn to_finished(&self) -> Result<v1::FinishedProcess, ArchiveError> {
        let answer = self.process.to_answer().map_err(damaged)?;
        let said = &self.broker;
        let percent = |text: &String| {
            text.parse::<f64>().map_err(|_| ArchiveError::Damaged("a percentage is no number".to_owned()))
        };
        let progress = self.progress.as_ref().map(|last| {
            Ok::<_, ArchiveError>(v1::FinishedProgress {
                document: envelope("progress", last.document.as_deref()).map_err(damaged)?,
                attempt: last.attempt,
                number: last.number,
                reported_at_ms: last.reported_at_ms,
                percent: last.percent.as_ref().map(percent).transpose()?,
                message: last.message.clone(),
                checkpoint: envelope("checkpoint", last.checkpoint.as_deref()).map_err(damaged)?,
                checkpoint_attempt: last.checkpoint_attempt,
            })
        });
        let progress = progress.transpose()?;
        let shown = answer.process.unwrap_or_default();
        // The percentage is shown only of the last attempt.
        let last = progress.as_ref().filter(|last| last.attempt == shown.attempt);
        let mut revocations = Vec::new();
        for revocation in &self.revocations {
            revocations.extend(envelope("revocation", Some(revocation)).map_err(damaged)?);
        }
        Ok(v1::FinishedProcess {
            process: Some(v1::Process {
                submitted_at_ms: said.submitted_at_ms,
                state_since_ms: said.finished_at_ms,
                retries_spent: said.retries_spent,
                reason: said.reason.clone(),
                ended_by: said.ended_by.clone(),
                percent: last.and_then(|last| last.percent).unwrap_or(-1.0),
                progress: progress.as_ref().and_then(|last| last.message.clone()).unwrap_or_default(),
                ..shown
            }),
            spec: answer.spec,
            submitter_grant: answer.submitter_grant,
            attempts: answer.attempts,
            priority_time_us: said.priority_time_us,
            replaced_by: said.replaced_by.clone(),
            own_reason: said.own_reason.clone(),
            progress,
            attributes: self.attributes.iter().map(AttributeLine::to_proto).collect(),
            logs: self.logs.iter().map(|line| line.to_proto(&shown_id(&self.process))).collect(),
            revocations,
        })
    }

    /// Checks every signature of the process, up to the colony's key. Returns the fault of the first that does not hold.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] with the broken link.
    pub fn verify(&self, colony: &Id) -> Result<(), ArchiveError> {
        let process = self.to_finished()?;
        let broken = |link: apiary_identity::chain::BrokenLink| ArchiveError::Damaged(link.to_string());
        let open = |what: &str, document: &Option<v1::Envelope>| {
            let document = document.as_ref().ok_or_else(|| ArchiveError::Damaged(format!("the {what} is missing")))?;
            envelope_from_proto(document).map_err(|error| ArchiveError::Damaged(format!("the {what}: {error}")))
        };
        let spec = open("spec", &process.spec)?;
        let verified =
            verify_spec(colony, &open("submitter's grant", &process.submitter_grant)?, &spec).map_err(broken)?;
        if verified.spec.process_id != self.process_id()? {
            return Err(ArchiveError::Damaged("the signed spec is of another process".to_owned()));
        }
        for attempt in &process.attempts {
            let grant = open("executor's grant", &attempt.executor_grant)?;
            verify_grant(colony, &grant).map_err(broken)?;
            if attempt.result.is_some() {
                verify_result(colony, &grant, &spec, attempt.attempt, &open("result", &attempt.result)?)
                    .map_err(broken)?;
            }
        }
        let Some(progress) = &process.progress else { return Ok(()) };
        for (number, document) in
            [(progress.attempt, &progress.document), (progress.checkpoint_attempt, &progress.checkpoint)]
        {
            let by = process.attempts.iter().find(|attempt| attempt.attempt == number);
            let (Some(by), true) = (by, document.is_some()) else { continue };
            let grant = open("executor's grant", &by.executor_grant)?;
            // As for the attempt after it, which may go on from it.
            let next = number.saturating_add(1);
            let left = verify_progress(colony, &grant, &spec, next, &open("progress", document)?).map_err(broken)?;
            if left.attempt != number {
                return Err(ArchiveError::Damaged("progress is of another attempt than its signer's".to_owned()));
            }
        }
        Ok(())
    }
}

/// Returns the digest of a line: the leaf of its object's Merkle tree.
pub(super) fn leaf(line: &[u8]) -> Digest {
    Digest::of_leaf(line)
}

fn shown_id(bundle: &Bundle) -> String {
    bundle.process_id().map(|id| id.to_string()).unwrap_or_default()
}

fn damaged(error: BundleError) -> ArchiveError {
    ArchiveError::Damaged(error.to_string())
}

impl AttributeLine {
    fn new(one: &v1::Attribute) -> Self {
        Self { attempt: one.attempt, kind: one.kind.clone(), key: one.key.clone(), value: one.value.clone() }
    }

    fn to_proto(&self) -> v1::Attribute {
        v1::Attribute {
            attempt: self.attempt,
            kind: self.kind.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }
}

impl LogLine {
    fn new(line: &v1::LogLine) -> Self {
        Self {
            line: line.line,
            attempt: line.attempt,
            executor: line.executor.clone(),
            time_ms: line.time_ms,
            level: line.level.clone(),
            message: line.message.clone(),
            fields: line.fields.clone(),
        }
    }

    fn to_proto(&self, process_id: &str) -> v1::LogLine {
        v1::LogLine {
            line: self.line,
            process_id: process_id.to_owned(),
            attempt: self.attempt,
            executor: self.executor.clone(),
            time_ms: self.time_ms,
            level: self.level.clone(),
            message: self.message.clone(),
            fields: self.fields.clone(),
            payload_hidden: false,
        }
    }
}
