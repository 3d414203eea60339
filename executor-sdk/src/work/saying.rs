//! A handler's reports during its work: progress, output so far, a checkpoint, log lines, attributes.
//!
//! Reports are buffered at once and sent in the background, at most once a second, and the last ones before the result.
//! A failure to send never fails the work: reports that cannot be sent in time are dropped.

use apiary_identity::Content;
use apiary_identity::limits::{CONTENT_BYTES_MAX, VALUE_BYTES_MAX};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Work;
use crate::limits::{ATTRIBUTE_KEY_CHARS_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX};
use crate::{AttributeKind, Failure, IntoOutput, LogLevel};

impl Work {
    /// Reports the percentage done, and the current activity. A percentage below 0 counts as 0, one above 100 as 100,
    /// and NaN is ignored; a long message is cut to 1,024 bytes.
    pub fn report(&self, percent: f64, message: &str) {
        let percent = (!percent.is_nan()).then(|| percent.clamp(0.0, 100.0));
        let end = message.floor_char_boundary(VALUE_BYTES_MAX);
        let message = message[..end].replace('\0', " ");
        self.shared.journal.say(|said| {
            said.percent = percent.or(said.percent);
            said.message = Some(message);
        });
    }

    /// Shows this output to watchers before the end: anything that serde can convert to JSON, or an
    /// [`Output`](crate::Output) of any bytes. The handler's result replaces it.
    ///
    /// # Errors
    ///
    /// A fatal failure for a value that JSON cannot hold, or of more than 1 MiB.
    pub fn set_output(&self, output: impl IntoOutput) -> Result<(), Failure> {
        let output = content("output", output)?;
        self.shared.journal.say(|said| said.output = Some(output));
        Ok(())
    }

    /// Sets the checkpoint for the next attempt, in case this one does not reach its end; the next finds it in
    /// [`checkpoint`](Self::checkpoint). Anything that serde can convert to JSON, or an [`Output`](crate::Output) of
    /// any bytes. Only the last one counts.
    ///
    /// # Errors
    ///
    /// A fatal failure for a value that JSON cannot hold, that is empty, or of more than 1 MiB.
    pub fn checkpoint_with(&self, checkpoint: impl IntoOutput) -> Result<(), Failure> {
        let checkpoint = content("checkpoint", checkpoint)?;
        self.shared.journal.say(|said| said.checkpoint = Some(checkpoint));
        Ok(())
    }

    /// Returns the checkpoint that an earlier attempt set with [`checkpoint_with`](Self::checkpoint_with), byte by
    /// byte; `None` if there is none. It was signed by an executor of this colony that may run this work, for this same
    /// spec. The broker can withhold it or send an older one: continue from it only if repeating a part does no harm.
    pub fn checkpoint(&self) -> Option<&Bytes> {
        self.shared.checkpoint.as_ref()
    }

    /// Reads the checkpoint from JSON.
    ///
    /// # Errors
    ///
    /// A fatal failure if there is a checkpoint and it does not fit.
    pub fn checkpoint_json<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Some(bytes) = self.checkpoint() else { return Ok(None) };
        serde_json::from_slice(bytes)
            .map(Some)
            .map_err(|error| Failure::fatal(format!("the checkpoint of `{}` does not fit: {error}", self.function())))
    }

    /// Logs a line. It is shown to everybody who may read the colony, so that it must contain no secrets.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.shared.journal.log(level, message, None);
    }

    /// Logs a line with structured fields, for example made with `serde_json::json!`. A value that is not an object
    /// becomes one with the key `value`; fields of more than 16 KiB are replaced by their size.
    pub fn log_with(&self, level: LogLevel, message: &str, fields: impl Serialize) {
        let fields = match serde_json::to_value(fields) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            Ok(value) => serde_json::json!({ "value": value }),
            Err(error) => serde_json::json!({ "fields_unreadable": error.to_string() }),
        };
        self.shared.journal.log(level, message, Some(fields.to_string()));
    }

    /// Sets an attribute of the process, in place of an older one of the same kind and key. A process has at most 256.
    ///
    /// # Errors
    ///
    /// A fatal failure for a key of not 1 to 128 characters, a value of more than 4,096 bytes, or a NUL in either.
    pub fn set_attribute(&self, kind: AttributeKind, key: &str, value: &str) -> Result<(), Failure> {
        let chars = key.chars().count();
        if !(1..=ATTRIBUTE_KEY_CHARS_MAX).contains(&chars) || value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
            return Err(Failure::fatal(format!(
                "an attribute has a key of 1 to {ATTRIBUTE_KEY_CHARS_MAX} characters and a value of at most \
                 {ATTRIBUTE_VALUE_BYTES_MAX} bytes; got {chars} and {}",
                value.len()
            )));
        }
        if key.contains('\0') || value.contains('\0') {
            return Err(Failure::fatal("an attribute holds a NUL, which cannot be kept"));
        }
        if self.shared.journal.attach(kind, key, value) {
            return Ok(());
        }
        Err(Failure::fatal(format!("a process has at most {ATTRIBUTES_MAX} attributes: use fewer keys")))
    }
}

fn content(what: &str, value: impl IntoOutput) -> Result<Content, Failure> {
    let bytes = value.into_output()?;
    if bytes.len() > CONTENT_BYTES_MAX {
        return Err(Failure::fatal(format!(
            "the {what} has {} bytes, the most is {CONTENT_BYTES_MAX}: keep the bytes elsewhere and say where",
            bytes.len()
        )));
    }
    if bytes.is_empty() && what == "checkpoint" {
        return Err(Failure::fatal("a checkpoint of nothing cannot be told from none: say at least `null`"));
    }
    Ok(Content::from_bytes(&bytes))
}
