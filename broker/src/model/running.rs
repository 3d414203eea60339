//! What a process says while it runs, as kept: progress, checkpoints, log lines, attributes.

use bytes::Bytes;
use uuid::Uuid;

pub use apiary_protocol::{AttributeKind, LogLevel};

use super::{ColonyKey, GrantKey, LeaseRef};

/// A signed `progress.v1` document to keep.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which lease it is about.
    pub lease: LeaseRef,
    /// Counts the attempt's reports.
    pub number: i64,
    /// How much is done, 0 to 100; absent leaves what the attempt said before.
    pub percent: Option<f64>,
    /// What it is doing, in words; absent leaves what the attempt said before.
    pub message: Option<String>,
    /// Whether the document carries a checkpoint for the next attempt.
    pub has_checkpoint: bool,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature.
    pub signature: [u8; 64],
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It is the last one now.
    Kept,
    /// A newer one was there: nothing changed.
    Older,
    /// The lease is gone, or another's.
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

/// How large the last progress with a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointSize {
    /// The process.
    pub process_id: Uuid,
    /// The grant of the executor that signed it.
    pub executor: GrantKey,
    /// Bytes of the signed document.
    pub bytes: usize,
}

/// Log lines of one attempt to keep.
#[derive(Clone, Debug)]
pub struct LogBatch {
    /// Which lease they are about.
    pub lease: LeaseRef,
    /// The tenant.
    pub colony: ColonyKey,
    /// The lines, oldest first.
    pub lines: Vec<NewLogLine>,
}

/// A log line to keep.
#[derive(Clone, Debug)]
pub struct NewLogLine {
    /// When, by the executor's clock, Unix milliseconds.
    pub time_ms: i64,
    /// How grave it is, or where it was captured.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Structured fields, one JSON object.
    pub fields: Option<String>,
}

impl NewLogLine {
    /// How many bytes of text it has.
    pub fn bytes(&self) -> usize {
        self.message.len() + self.fields.as_ref().map_or(0, String::len)
    }
}

/// A log line as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its number in the store, growing.
    pub line: LogCursor,
    /// The process.
    pub process_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// The executor's name.
    pub executor: String,
    /// When, by the executor's clock.
    pub time_ms: i64,
    /// How grave it is, or where it was captured.
    pub level: String,
    /// The text.
    pub message: String,
    /// Structured fields, one JSON object.
    pub fields: Option<String>,
}

/// A place in the list of log lines, which goes from the oldest to the newest: a line's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor(pub i64);

/// What log lines to match. Everything that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of this process.
    pub process_id: Option<Uuid>,
    /// Of executors of this name.
    pub executor: Option<String>,
    /// At this time or later.
    pub since_ms: Option<i64>,
    /// At this level.
    pub level: Option<LogLevel>,
    /// Containing this text; `a` to `z` also as capitals, and the other way round.
    pub text: Option<String>,
}

/// Values to attach to a process.
#[derive(Clone, Debug)]
pub struct AttributeBatch {
    /// Which lease they are about.
    pub lease: LeaseRef,
    /// The values; no two of one kind and key.
    pub attributes: Vec<NewAttribute>,
}

/// A value to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttribute {
    /// Which of the four sorts.
    pub kind: AttributeKind,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What became of values to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// All are kept.
    Kept,
    /// The process would have more than it may: none is kept.
    Full,
    /// The lease is gone, or another's.
    Lost,
}

/// A value attached to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The [`AttributeKind`]'s word.
    pub kind: String,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The attempt that set it last.
    pub attempt: i32,
}
