//! The archive: finished processes whole, the objects that they are in, and where each is.

use apiary_identity::Digest;
use bytes::Bytes;
use uuid::Uuid;

use super::{Attempt, Attribute, ColonyKey, GrantKey, LogLine, ProcessState};

/// The name of the hold on retention that the archive moves. While a colony has it, only archived processes are deleted.
pub const ARCHIVE_HOLD: &str = "archive";

/// Signed bytes, and their signature.
pub type SignedBytes = (Bytes, Vec<u8>);

/// A position in the list of finished processes, which goes from the first end to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FinishedCursor {
    /// The end of the process.
    pub finished_at_ms: i64,
    /// The process.
    pub process_id: Uuid,
}

/// A finished process with everything that is stored of it.
#[derive(Clone, Debug)]
pub struct FinishedProcess {
    /// The process.
    pub process_id: Uuid,
    /// The grant that allowed it.
    pub submitter: GrantKey,
    /// The time of its acceptance.
    pub submitted_at_ms: i64,
    /// The position that it had in the queue, in microseconds.
    pub priority_time_us: i64,
    /// The signed spec.
    pub payload: Bytes,
    /// The spec's signature.
    pub signature: Vec<u8>,
    /// The end.
    pub finished_at_ms: i64,
    /// The state that it finished in.
    pub state: ProcessState,
    /// The number of its last attempt.
    pub attempt: i32,
    /// The number of retries spent.
    pub retries_spent: i32,
    /// The process's own reason, apart from that of its last attempt.
    pub reason: Option<String>,
    /// The name of whoever cancelled or discarded it.
    pub ended_by: Option<String>,
    /// The process that replaced it.
    pub replaced_by: Option<Uuid>,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The last progress.
    pub progress: Option<FinishedProgress>,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// The log, oldest line first.
    pub logs: Vec<LogLine>,
}

impl FinishedProcess {
    /// Returns the position in the list of finished processes.
    pub fn cursor(&self) -> FinishedCursor {
        FinishedCursor { finished_at_ms: self.finished_at_ms, process_id: self.process_id }
    }

    /// Returns the executor of an attempt.
    pub fn executor(&self, attempt: i32) -> Option<GrantKey> {
        self.attempts.iter().find(|one| one.attempt == attempt).map(|one| one.executor)
    }
}

/// The last progress of a finished process, and the last that carries a checkpoint.
#[derive(Clone, Debug)]
pub struct FinishedProgress {
    /// The attempt, whose executor signed it.
    pub attempt: i32,
    /// The number in the attempt.
    pub number: i64,
    /// The time at which it came.
    pub reported_at_ms: i64,
    /// The percentage done.
    pub percent: Option<f64>,
    /// The words.
    pub message: Option<String>,
    /// The signed bytes, and their signature.
    pub document: SignedBytes,
    /// The attempt of the last checkpoint, its signed bytes, and their signature.
    pub checkpoint: Option<(i32, Bytes, Vec<u8>)>,
}

/// An object to record.
#[derive(Clone, Debug)]
pub struct NewArchive {
    /// The colony.
    pub colony: ColonyKey,
    /// The number of the object, from 1.
    pub number: i64,
    /// The digest of the manifest before; `None` for the first.
    pub previous: Option<Digest>,
    /// The name of the object.
    pub object: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's signed bytes.
    pub payload: Bytes,
    /// Their signature.
    pub signature: Vec<u8>,
    /// The key that signed.
    pub signer: Vec<u8>,
    /// The time up to which finished processes were read, included.
    pub until_ms: i64,
    /// The processes in the order of their lines.
    pub processes: Vec<FinishedCursor>,
    /// The time.
    pub now_ms: i64,
}

/// An object that is recorded.
#[derive(Clone, Debug)]
pub struct StoredArchive {
    /// The number, from 1.
    pub number: i64,
    /// The name of the object.
    pub object: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's signed bytes.
    pub payload: Bytes,
    /// Their signature.
    pub signature: Vec<u8>,
    /// The key that signed.
    pub signer: Vec<u8>,
    /// The number of processes recorded as being in the object.
    pub recorded: i64,
}
