//! Progress: what an executor says while it works, and what it leaves for the attempt after it.

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

/// "Attempt n of this process, made from these signed bytes, is this far." Only what has changed need be said.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The colony.
    pub colony: Id,
    /// The process.
    #[serde(deserialize_with = "strict::uuid")]
    pub process_id: Uuid,
    /// The attempt's number; it fences.
    pub attempt: i32,
    /// Digest of the spec's envelope: which signed bytes the work is done from.
    pub spec_digest: Digest,
    /// Counts this attempt's reports from 1, so that an older one never replaces a newer one.
    pub number: i64,
    /// When the executor made the report.
    #[serde(deserialize_with = "time::time")]
    pub at: Timestamp,
    /// How much is done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// What it is doing, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The output so far, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    output: Option<Box<RawValue>>,
    /// The output so far, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    /// What the next attempt receives, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "content::present")]
    checkpoint: Option<Box<RawValue>>,
    /// What the next attempt receives, as base64 of any bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint_base64: Option<String>,
}

impl Progress {
    /// A report that says nothing yet.
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

    /// The same with these words, cut to what can be kept.
    #[must_use]
    pub fn with_message(mut self, message: &str) -> Self {
        self.message = Some(cut_text(message, VALUE_BYTES_MAX));
        self
    }

    /// The same with this output, which watchers see before the end.
    #[must_use]
    pub fn with_output(mut self, output: Content) -> Self {
        (self.output, self.output_base64) = (output.json, output.base64);
        self
    }

    /// The same with this checkpoint.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Content) -> Self {
        (self.checkpoint, self.checkpoint_base64) = (checkpoint.json, checkpoint.base64);
        self
    }

    /// The output so far, if this report brings one.
    pub fn output(&self) -> Option<Content> {
        Content { json: self.output.clone(), base64: self.output_base64.clone() }.given()
    }

    /// What the next attempt receives, if this report brings it.
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
    /// Without output and checkpoint, which may be somebody's secrets.
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
