//! A process in one file: all that was signed about it, and what the broker says of it.

use std::collections::BTreeMap;

use apiary_identity::{Envelope, Id, strict};
use apiary_proto::v1;
use apiary_proto::v1::ProcessState;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::ClientError;
use crate::wire::{envelope_from_proto, envelope_to_proto};

/// The format, which readers check first.
const FORMAT: &str = "apiary.process.v1";
/// Size of a file that is read: a broker's largest answer, in base64.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A process with its documents. Only the documents prove anything: `process`, and the words of each attempt, are the broker's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    format: String,
    colony: Id,
    #[serde(deserialize_with = "strict::object")]
    process: Statement,
    submitter_grant: Option<Box<RawValue>>,
    spec: Option<Box<RawValue>>,
    #[serde(deserialize_with = "strict::objects")]
    attempts: Vec<Attempt>,
}

/// The state and other statements of the broker.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    process_id: String,
    state: String,
    attempt: i32,
    submitter: String,
    executor: String,
    function: String,
    executor_type: String,
    priority: i32,
    #[serde(deserialize_with = "strict::map")]
    labels: BTreeMap<String, String>,
}

/// An attempt, with the executor's grant and signed result.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    attempt: i32,
    executor: String,
    outcome: String,
    reason: String,
    claimed_at_ms: i64,
    ended_at_ms: i64,
    executor_grant: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
}

/// The reason why a bundle cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Another format.
    #[error("not a process as `apiary process export` writes it: {0}")]
    Form(String),
    /// A damaged document.
    #[error("{0}")]
    Broken(String),
}

impl Bundle {
    /// Gathers the documents of a broker's answer, each in DSSE's JSON form.
    ///
    /// # Errors
    ///
    /// An answer with an envelope that is none.
    pub fn new(colony: Id, answer: &v1::GetProcessResponse) -> Result<Self, ClientError> {
        let process = answer.process.clone().unwrap_or_default();
        let state = process.state().as_str_name().trim_start_matches("PROCESS_STATE_").to_lowercase();
        let attempt = |attempt: &v1::Attempt| {
            Ok(Attempt {
                attempt: attempt.attempt,
                executor: attempt.executor.clone(),
                outcome: attempt.outcome.clone(),
                reason: attempt.reason.clone(),
                claimed_at_ms: attempt.claimed_at_ms,
                ended_at_ms: attempt.ended_at_ms,
                executor_grant: dsse(attempt.executor_grant.as_ref())?,
                result: dsse(attempt.result.as_ref())?,
            })
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            colony,
            submitter_grant: dsse(answer.submitter_grant.as_ref())?,
            spec: dsse(answer.spec.as_ref())?,
            attempts: answer.attempts.iter().map(attempt).collect::<Result<_, ClientError>>()?,
            process: Statement {
                process_id: process.process_id,
                state,
                attempt: process.attempt,
                submitter: process.submitter,
                executor: process.executor,
                function: process.function,
                executor_type: process.executor_type,
                priority: process.priority,
                labels: process.labels.into_iter().collect(),
            },
        })
    }

    /// Reads a file. Nothing in it is checked yet.
    ///
    /// # Errors
    ///
    /// [`BundleError::Form`] for another format.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let not = BundleError::Form;
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let bundle: Self = strict::object(&mut reader)
            .and_then(|bundle| reader.end().map(|()| bundle))
            .map_err(|error| not(error.to_string()))?;
        match bundle.format == FORMAT {
            true => Ok(bundle),
            false => Err(not(format!("its format is {:?}, and `{FORMAT}` is read", bundle.format))),
        }
    }

    /// Returns the colony that it was exported from, by the file's word.
    pub fn colony(&self) -> Id {
        self.colony
    }

    /// Returns the process's id, by the broker's word.
    ///
    /// # Errors
    ///
    /// [`BundleError::Broken`] for what is no UUID.
    pub fn process_id(&self) -> Result<Uuid, BundleError> {
        let id = &self.process.process_id;
        id.parse().map_err(|_| BundleError::Broken(format!("the process id {id:?} is no UUID")))
    }

    /// Returns the answer that the broker gave, as far as its chain depends on it.
    ///
    /// # Errors
    ///
    /// [`BundleError::Broken`] for a document that is none.
    pub fn to_answer(&self) -> Result<v1::GetProcessResponse, BundleError> {
        let said = &self.process;
        let state = ProcessState::from_str_name(&format!("PROCESS_STATE_{}", said.state.to_uppercase()));
        let process = v1::Process {
            process_id: said.process_id.clone(),
            state: state.unwrap_or_default().into(),
            attempt: said.attempt,
            submitter: said.submitter.clone(),
            executor: said.executor.clone(),
            function: said.function.clone(),
            executor_type: said.executor_type.clone(),
            priority: said.priority,
            labels: said.labels.clone().into_iter().collect(),
            ..Default::default()
        };
        let attempt = |attempt: &Attempt| {
            Ok(v1::Attempt {
                attempt: attempt.attempt,
                executor: attempt.executor.clone(),
                outcome: attempt.outcome.clone(),
                reason: attempt.reason.clone(),
                claimed_at_ms: attempt.claimed_at_ms,
                ended_at_ms: attempt.ended_at_ms,
                executor_grant: envelope("grant of an executor", attempt.executor_grant.as_deref())?,
                result: envelope("result", attempt.result.as_deref())?,
            })
        };
        Ok(v1::GetProcessResponse {
            process: Some(process),
            spec: envelope("spec", self.spec.as_deref())?,
            submitter_grant: envelope("grant of the submitter", self.submitter_grant.as_deref())?,
            attempts: self.attempts.iter().map(attempt).collect::<Result<_, BundleError>>()?,
            ..Default::default()
        })
    }
}

/// Returns a document in DSSE's JSON form.
///
/// # Errors
///
/// An envelope that is none.
pub fn dsse(envelope: Option<&v1::Envelope>) -> Result<Option<Box<RawValue>>, ClientError> {
    let Some(envelope) = envelope else { return Ok(None) };
    let json = envelope_from_proto(envelope)?.to_json();
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(|error| ClientError::Answer(format!("a document is no JSON: {error}")))
}

/// Reads a document from DSSE's JSON form; `what` names it in the error.
///
/// # Errors
///
/// [`BundleError::Broken`] for what is no envelope.
pub fn envelope(what: &str, json: Option<&RawValue>) -> Result<Option<v1::Envelope>, BundleError> {
    let Some(json) = json else { return Ok(None) };
    match Envelope::from_json(json.get().as_bytes()) {
        Ok(envelope) => Ok(Some(envelope_to_proto(&envelope))),
        Err(error) => Err(BundleError::Broken(format!("the {what}: {error}"))),
    }
}
