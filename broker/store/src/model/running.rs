//! Reports of a running process, as stored: progress, checkpoints, log lines, attributes.

use apiary_identity::Signature;
use bytes::Bytes;
use uuid::Uuid;

use super::{ColonyKey, GrantKey, LeaseRef};

pub use apiary_protocol::{AttributeKind, LogLevel};

/// A signed `progress.v1` document to store.
#[derive(Clone, Debug)]
pub struct Report {
    /// The lease that it is about.
    pub lease: LeaseRef,
    /// The report's number within the attempt.
    pub number: i64,
    /// The progress, 0 to 100; absent keeps the attempt's last value.
    pub percent: Option<f64>,
    /// The current activity, in words; absent keeps the attempt's last message.
    pub message: Option<String>,
    /// True if the document carries a checkpoint for the next attempt.
    pub has_checkpoint: bool,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature.
    pub signature: Signature,
}

/// The result of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportResult {
    /// The report is the latest now.
    Kept,
    /// A newer report was stored already: nothing changed.
    Older,
    /// The lease is gone, or held by another attempt or executor.
    Lost,
}

/// The last signed progress of a process, or the last with a checkpoint, as the database holds it.
#[derive(Clone, Debug)]
pub struct StoredProgress {
    /// The process.
    pub process_id: Uuid,
    /// The grant of the executor that signed it.
    pub executor: GrantKey,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature, as kept.
    pub signature: Vec<u8>,
}

/// The size of the last progress with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointSize {
    /// The process.
    pub process_id: Uuid,
    /// The grant of the executor that signed it.
    pub executor: GrantKey,
    /// Bytes of the signed document.
    pub bytes: usize,
}

/// Log lines of one attempt, to store.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// The lease that they are about.
    pub lease: LeaseRef,
    /// The tenant.
    pub colony: ColonyKey,
    /// The lines, oldest first.
    pub lines: Vec<NewLogLine>,
}

/// A log line to store.
#[derive(Clone, Debug)]
pub struct NewLogLine {
    /// The executor's clock at the line, Unix milliseconds.
    pub time_ms: i64,
    /// The severity, or the stream that it was captured from.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Structured fields, one JSON object.
    pub fields: Option<String>,
}

impl NewLogLine {
    /// Returns the number of bytes of its text and fields.
    pub fn bytes(&self) -> usize {
        self.message.len() + self.fields.as_ref().map_or(0, String::len)
    }
}

/// A log line, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The line's number in the store; later lines have greater numbers.
    pub line: LogCursor,
    /// The process.
    pub process_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// The executor's name.
    pub executor: String,
    /// The executor's clock at the line.
    pub time_ms: i64,
    /// The severity, or the stream that it was captured from.
    pub level: String,
    /// The text.
    pub message: String,
    /// Structured fields, one JSON object.
    pub fields: Option<String>,
    /// True if the text and the fields were taken out, because the caller may not see them; a store shows all.
    pub is_hidden: bool,
}

/// A position in the list of log lines, which goes from the oldest to the newest: a line's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor(pub i64);

/// A filter on log lines. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Lines of this process.
    pub process_id: Option<Uuid>,
    /// Lines of executors of this name.
    pub executor: Option<String>,
    /// Lines at this time or later.
    pub since_ms: Option<i64>,
    /// Lines of this level.
    pub level: Option<LogLevel>,
    /// Lines that contain this text; letters `a` to `z` match in either case.
    pub text: Option<String>,
}

/// Values to attach to a process.
#[derive(Clone, Debug)]
pub struct AttributeBatch {
    /// The lease that they are about.
    pub lease: LeaseRef,
    /// The values; no two of one kind and key.
    pub attributes: Vec<NewAttribute>,
}

/// A value to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttribute {
    /// The sort of value.
    pub kind: AttributeKind,
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The result of attaching values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachResult {
    /// All values were stored.
    Kept,
    /// The process would exceed its bound: none was stored.
    Full,
    /// The lease is gone, or held by another attempt or executor.
    Lost,
}

/// A value attached to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The [`AttributeKind`]'s word.
    pub kind: String,
    /// The name.
    pub key: String,
    /// The value.
    pub value: String,
    /// The attempt that set it last.
    pub attempt: i32,
}
