//! Results: the end of an attempt, signed by its executor. The Rust type is `Outcome`, because `Result` is taken; the
//! document's type is `result.v1`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::content::{self, Content};
use crate::document::{check_duration_ms, check_text, cut_text};
use crate::envelope::Digest;
use crate::limits::FAILURE_BYTES_MAX;
use crate::{Document, DocumentError, Id, strict, time};

/// "Attempt n of this process, made from these signed bytes, ended like this."
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The colony.
    pub colony: Id,
    /// The process.
    #[serde(deserialize_with = "strict::uuid")]
    pub process_id: Uuid,
    /// Number of the attempt. The broker refuses results of an attempt that is no longer the current one.
    pub attempt: i32,
    /// Digest of the spec's envelope, the signed bytes that the executor worked from.
    pub spec_digest: Digest,
    /// Kind of the result.
    pub outcome: OutcomeKind,
    /// Time of the end, by the executor's clock.
    #[serde(deserialize_with = "time::time")]
    pub finished_at: Timestamp,
    /// The output, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    output: Option<Box<RawValue>>,
    /// The output, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    /// Cause of the failure, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Minimum wait before the next attempt in milliseconds, for a retryable failure; may exceed the back-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
}

/// Kinds of result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The work is done.
    Succeeded,
    /// Failed; another attempt may succeed.
    FailedRetryable,
    /// Failed; no attempt can succeed.
    FailedFinal,
    /// The executor refused the spec: its signature chain is broken.
    Refused,
    /// The executor stopped because it was told to.
    Cancelled,
}

impl Outcome {
    /// Creates a success.
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

    /// Creates a failure. A message beyond the bound is cut and each NUL, which cannot be stored, is replaced: a
    /// failure must always be reportable.
    pub fn failed(
        colony: Id,
        process_id: Uuid,
        attempt: i32,
        spec_digest: Digest,
        finished_at: Timestamp,
        kind: OutcomeKind,
        failure: &str,
    ) -> Self {
        let mut outcome = Self::succeeded(colony, process_id, attempt, spec_digest, finished_at, Content::default());
        outcome.outcome = kind;
        outcome.failure = Some(cut_text(failure, FAILURE_BYTES_MAX));
        outcome
    }

    /// Returns the output.
    pub fn output(&self) -> Content {
        Content { json: self.output.clone(), base64: self.output_base64.clone() }
    }
}

impl OutcomeKind {
    const ALL: [Self; 5] = [Self::Succeeded, Self::FailedRetryable, Self::FailedFinal, Self::Refused, Self::Cancelled];

    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::FailedRetryable => "failed_retryable",
            Self::FailedFinal => "failed_final",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Document for Outcome {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.result.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        self.output().check("output", "output_base64")?;
        if self.attempt < 1 {
            return Err(DocumentError::field("attempt", format!("counts from 1; got {}", self.attempt)));
        }
        if let Some(retry_after_ms) = self.retry_after_ms {
            if self.outcome != OutcomeKind::FailedRetryable {
                return Err(DocumentError::field("retry_after_ms", "belongs to `failed_retryable`: leave it out"));
            }
            check_duration_ms("retry_after_ms", retry_after_ms)?;
        }
        match (self.outcome, &self.failure) {
            (OutcomeKind::Succeeded, Some(_)) => {
                Err(DocumentError::field("failure", "belongs to a failure: leave it out of a success"))
            }
            (OutcomeKind::Succeeded, None) => Ok(()),
            (_, None) => Err(DocumentError::field("failure", "is missing: say in a sentence what went wrong")),
            (_, Some(words)) => check_text("failure", words, FAILURE_BYTES_MAX),
        }
    }
}

impl fmt::Debug for Outcome {
    /// Prints the output's size only: it may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("process_id", &self.process_id)
            .field("attempt", &self.attempt)
            .field("outcome", &self.outcome)
            .field("finished_at", &self.finished_at)
            .field("output", &self.output())
            .field("failure", &self.failure)
            .field("retry_after_ms", &self.retry_after_ms)
            .finish_non_exhaustive()
    }
}

impl Serialize for OutcomeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OutcomeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict::word(deserializer, &Self::ALL, Self::as_str)
    }
}
