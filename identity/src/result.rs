//! Results: what an attempt gave, signed by its executor. The Rust type is `Outcome`, because `Result`
//! is taken; the document's type is `result.v1`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::content::{self, Content};
use crate::document::check_duration_ms;
use crate::envelope::Digest;
use crate::limits::FAILURE_BYTES_MAX;
use crate::{Document, DocumentError, Id};

/// "Attempt n of this process, made from these signed bytes, ended like this."
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The colony.
    pub colony: Id,
    /// The process.
    pub process_id: Uuid,
    /// The attempt's number; it fences.
    pub attempt: i32,
    /// Digest of the spec's envelope: which signed bytes the work was done from.
    pub spec_digest: Digest,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// When the executor finished.
    pub finished_at: Timestamp,
    /// The output, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    output: Option<Box<RawValue>>,
    /// The output, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    /// What went wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// For a failure worth a retry: not before so many milliseconds, whatever the back-off says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The work is done.
    Succeeded,
    /// It failed, and another attempt may succeed.
    FailedRetryable,
    /// It failed, and no attempt can succeed.
    FailedFinal,
    /// The executor does not believe the spec: its signature chain is broken.
    Refused,
}

impl Outcome {
    /// A success.
    pub fn succeeded(
        colony: Id,
        process_id: Uuid,
        attempt: i32,
        spec_digest: Digest,
        finished_at: Timestamp,
        output: Content,
    ) -> Self {
        Self {
            colony,
            process_id,
            attempt,
            spec_digest,
            outcome: OutcomeKind::Succeeded,
            finished_at,
            output: output.json,
            output_base64: output.base64,
            failure: None,
            retry_after_ms: None,
        }
    }

    /// A failure; words beyond the bound are cut.
    pub fn failed(
        colony: Id,
        process_id: Uuid,
        attempt: i32,
        spec_digest: Digest,
        finished_at: Timestamp,
        kind: OutcomeKind,
        failure: &str,
    ) -> Self {
        let end = failure.floor_char_boundary(FAILURE_BYTES_MAX);
        let mut outcome = Self::succeeded(colony, process_id, attempt, spec_digest, finished_at, Content::default());
        outcome.outcome = kind;
        outcome.failure = Some(failure[..end].to_owned());
        outcome
    }

    /// The output.
    pub fn output(&self) -> Content {
        Content { json: self.output.clone(), base64: self.output_base64.clone() }
    }
}

impl OutcomeKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::FailedRetryable => "failed_retryable",
            Self::FailedFinal => "failed_final",
            Self::Refused => "refused",
        }
    }
}

impl Document for Outcome {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.result.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        self.output().check("output")?;
        if self.attempt < 1 {
            return Err(DocumentError::field("attempt", format!("counts from 1; got {}", self.attempt)));
        }
        if let Some(retry_after_ms) = self.retry_after_ms {
            check_duration_ms("retry_after_ms", retry_after_ms)?;
        }
        match (self.outcome, &self.failure) {
            (OutcomeKind::Succeeded, Some(_)) => {
                Err(DocumentError::field("failure", "belongs to a failure: leave it out of a success"))
            }
            (OutcomeKind::Succeeded, None) => Ok(()),
            (_, None) => Err(DocumentError::field("failure", "is missing: say in a sentence what went wrong")),
            (_, Some(words)) if words.len() > FAILURE_BYTES_MAX => Err(DocumentError::field(
                "failure",
                format!("has {} bytes, the most is {FAILURE_BYTES_MAX}", words.len()),
            )),
            (_, Some(_)) => Ok(()),
        }
    }
}
