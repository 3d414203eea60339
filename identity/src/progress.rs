//! Progress: an executor's reports during its work, and its checkpoint for the next attempt.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::content::{self, Content};
use crate::document::{check_text, cut_text};
use crate::envelope::Digest;
use crate::limits::VALUE_BYTES_MAX;
use crate::{Document, DocumentError, Id, strict, time};

/// "Attempt n of this process, made from these signed bytes, is this far." Unchanged fields may be left out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The colony.
    pub colony: Id,
    /// The process.
    #[serde(deserialize_with = "strict::uuid")]
    pub process_id: Uuid,
    /// Number of the attempt. The broker refuses reports of an attempt that is no longer the current one.
    pub attempt: i32,
    /// Digest of the spec's envelope, the signed bytes that the executor works from.
    pub spec_digest: Digest,
    /// Number of the report within its attempt, from 1, so that an older one never replaces a newer one.
    pub number: i64,
    /// Time of the report, by the executor's clock.
    #[serde(deserialize_with = "time::time")]
    pub at: Timestamp,
    /// Percentage done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Current activity, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The output so far, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    output: Option<Box<RawValue>>,
    /// The output so far, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    /// The checkpoint for the next attempt, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    checkpoint: Option<Box<RawValue>>,
    /// The checkpoint for the next attempt, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint_base64: Option<String>,
}

impl Progress {
    /// Creates an empty report.
    pub fn new(colony: Id, process_id: Uuid, attempt: i32, spec_digest: Digest, number: i64, at: Timestamp) -> Self {
        Self {
            colony,
            process_id,
            attempt,
            spec_digest,
            number,
            at,
            percent: None,
            message: None,
            output: None,
            output_base64: None,
            checkpoint: None,
            checkpoint_base64: None,
        }
    }

    /// Sets the message, cut to [`VALUE_BYTES_MAX`].
    #[must_use]
    pub fn with_message(mut self, message: &str) -> Self {
        self.message = Some(cut_text(message, VALUE_BYTES_MAX));
        self
    }

    /// Sets the output, which watchers see before the end.
    #[must_use]
    pub fn with_output(mut self, output: Content) -> Self {
        (self.output, self.output_base64) = (output.json, output.base64);
        self
    }

    /// Sets the checkpoint.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Content) -> Self {
        (self.checkpoint, self.checkpoint_base64) = (checkpoint.json, checkpoint.base64);
        self
    }

    /// Returns the output so far, if this report has one.
    pub fn output(&self) -> Option<Content> {
        Content { json: self.output.clone(), base64: self.output_base64.clone() }.given()
    }

    /// Returns the checkpoint for the next attempt, if this report has one.
    pub fn checkpoint(&self) -> Option<Content> {
        Content { json: self.checkpoint.clone(), base64: self.checkpoint_base64.clone() }.given()
    }
}

impl Document for Progress {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.progress.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        if self.attempt < 1 {
            return Err(DocumentError::field("attempt", format!("counts from 1; got {}", self.attempt)));
        }
        if self.number < 1 {
            return Err(DocumentError::field("number", format!("counts from 1; got {}", self.number)));
        }
        if let Some(percent) = self.percent
            && !(0.0..=100.0).contains(&percent)
        {
            return Err(DocumentError::field("percent", format!("is 0 to 100; got {percent}")));
        }
        if let Some(message) = &self.message {
            check_text("message", message, VALUE_BYTES_MAX)?;
        }
        self.output().unwrap_or_default().check("output", "output_base64")?;
        self.checkpoint().unwrap_or_default().check("checkpoint", "checkpoint_base64")
    }
}

impl fmt::Debug for Progress {
    /// Prints sizes only of output and checkpoint, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("process_id", &self.process_id)
            .field("attempt", &self.attempt)
            .field("number", &self.number)
            .field("at", &self.at)
            .field("percent", &self.percent)
            .field("message", &self.message)
            .field("output", &self.output())
            .field("checkpoint", &self.checkpoint())
            .finish_non_exhaustive()
    }
}
