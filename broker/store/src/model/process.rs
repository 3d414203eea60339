//! Processes, as kept.

use std::collections::BTreeMap;

use apiary_identity::{Digest, Id, Requirements, Signature};
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{ColonyKey, GrantKey, ProcessCursor};

/// The state of a process, which decides the table of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessState {
    /// In `queue`: ready to be claimed.
    Waiting,
    /// In `blocked`: not ready yet.
    Blocked,
    /// In `leases`.
    Running,
    /// In `finished`.
    Succeeded,
    /// In `finished`: nobody claimed it in time, or an operator gave it up or replaced it.
    Failed,
    /// In `finished`.
    Cancelled,
    /// In `finished`: attempts used up, an executor that says that no retry can help, or a broken signature chain.
    DeadLetter,
}

impl ProcessState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Blocked, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::DeadLetter];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::DeadLetter => "dead_letter",
        }
    }

    /// Returns the state of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Returns true if the process is over: only an operator can change it.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::DeadLetter)
    }
}

impl Serialize for ProcessState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProcessState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| D::Error::custom("is no state"))
    }
}

/// A process to store. Its spec was checked; these are the parts that the store must see.
#[derive(Clone, Debug)]
pub struct NewProcess {
    /// The submitter's choice, UUIDv7.
    pub process_id: Uuid,
    /// The tenant.
    pub colony: ColonyKey,
    /// The grant that allowed it.
    pub submitter: GrantKey,
    /// The function to execute.
    pub function: String,
    /// The executor type that may run it.
    pub executor_type: String,
    /// The only executors that may run it, by name; empty for all.
    pub executor_names: Vec<String>,
    /// Between −50000 and 50000.
    pub priority: i32,
    /// The position in the queue, in microseconds: lower goes first.
    pub priority_time_us: i64,
    /// Free labels, to find it again.
    pub labels: BTreeMap<String, String>,
    /// The longest wait, from when it could run, after which it fails; 0 for no limit.
    pub max_wait_ms: i64,
    /// The longest duration of one attempt; 0 for no limit.
    pub max_exec_ms: i64,
    /// Attempts after the first; −1 for no limit.
    pub max_retries: i32,
    /// The earliest start, if that is later than `submitted_at_ms`.
    pub not_before_ms: Option<i64>,
    /// The processes that it waits for: those of its spec's parents that have not succeeded.
    pub parents: Vec<Uuid>,
    /// When it was accepted.
    pub submitted_at_ms: i64,
    /// The latest time of acceptance.
    pub submit_by_ms: i64,
    /// The requirements on its executor.
    pub requires: Requirements,
    /// The key by which it is counted while it runs.
    pub concurrency_key: Option<String>,
    /// The key by which its starts are counted.
    pub rate_key: Option<String>,
    /// The idempotency key, and its time of expiry.
    pub idempotency: Option<(String, i64)>,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature, by the key of `submitter`.
    pub signature: Signature,
    /// The digest of the signed bytes.
    pub digest: Digest,
}

/// A spec that met another process by its idempotency key, and asks that the other be tried again if it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resubmission {
    /// The spec's own id, which becomes no process.
    pub process_id: Uuid,
    /// The process that holds the key.
    pub first: Uuid,
    /// The tenant of both.
    pub colony: ColonyKey,
    /// The grant that allows the spec.
    pub submitter: GrantKey,
    /// The digest of the spec's signed bytes.
    pub digest: Digest,
    /// The latest time of acceptance.
    pub submit_by_ms: i64,
}

/// The result of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitResult {
    /// A new process was stored.
    New {
        /// [`ProcessState::Waiting`] or [`ProcessState::Blocked`]; [`ProcessState::Running`] if it was handed over at once.
        state: ProcessState,
    },
    /// A process existed already: the same spec, or the first with its idempotency key.
    Existed {
        /// The process that existed.
        process_id: Uuid,
        /// The state now.
        state: ProcessState,
    },
    /// Another spec has this process id.
    IdTaken,
}

/// A filter on processes. All given conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessFilter {
    /// Any of these states; empty for all.
    pub states: Vec<ProcessState>,
    /// Exactly this executor type.
    pub executor_type: Option<String>,
    /// Exactly this function.
    pub function: Option<String>,
    /// All of these.
    pub labels: BTreeMap<String, String>,
    /// Submitted by exactly this name.
    pub submitter: Option<String>,
    /// Run, or run last, by exactly this name.
    pub executor: Option<String>,
    /// Submitted at this time or later.
    pub submitted_from_ms: Option<i64>,
    /// Submitted before this time.
    pub submitted_until_ms: Option<i64>,
    /// Submitted by exactly this key. Of the caller, not of a request: it is not stored with the filter.
    #[serde(skip)]
    pub own: Option<Id>,
}

impl ProcessFilter {
    /// Returns true if nothing but the state matters.
    pub fn has_only_states(&self) -> bool {
        let states = self.states.clone();
        *self == Self { states, ..Self::default() }
    }

    /// Returns true if states are wanted, and by these numbers of processes in each state few processes are in them.
    pub fn matches_few(&self, counts: &[(ProcessState, i64)], few: i64) -> bool {
        let wanted = counts.iter().filter(|(state, _)| self.states.contains(state));
        !self.states.is_empty() && wanted.map(|(_, count)| count).sum::<i64>() <= few
    }

    /// Returns the position after which a page begins: after the one before it, and not before the end of the filter's time.
    pub fn start(&self, after: Option<ProcessCursor>) -> ProcessCursor {
        // Without either, after the last of all imaginable rows; all rows of a time come after the least id.
        let first = ProcessCursor { submitted_at_ms: i64::MAX, process_id: Uuid::max() };
        let until = |ms| ProcessCursor { submitted_at_ms: ms, process_id: Uuid::nil() };
        let bounds = [after, self.submitted_until_ms.map(until)];
        bounds.into_iter().flatten().min_by_key(|cursor| (cursor.submitted_at_ms, cursor.process_id)).unwrap_or(first)
    }

    /// Returns true if a process matches; `own` is not looked at, because a summary has no key.
    pub fn matches(&self, process: &ProcessSummary) -> bool {
        (self.states.is_empty() || self.states.contains(&process.state))
            && self.executor_type.as_ref().is_none_or(|wanted| *wanted == process.executor_type)
            && self.function.as_ref().is_none_or(|wanted| *wanted == process.function)
            && self.submitter.as_ref().is_none_or(|wanted| *wanted == process.submitter)
            && self.executor.as_ref().is_none_or(|wanted| process.executor.as_ref() == Some(wanted))
            && self.submitted_from_ms.is_none_or(|from_ms| process.submitted_at_ms >= from_ms)
            && self.submitted_until_ms.is_none_or(|until_ms| process.submitted_at_ms < until_ms)
            && self.labels.iter().all(|(key, value)| process.labels.get(key) == Some(value))
    }
}

/// A process without its documents.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessSummary {
    /// The process id.
    pub process_id: Uuid,
    /// The tenant.
    pub colony: ColonyKey,
    /// The function to execute.
    pub function: String,
    /// The executor type that may run it.
    pub executor_type: String,
    /// The state.
    pub state: ProcessState,
    /// The number of claims.
    pub attempt: i32,
    /// The number of retries spent.
    pub retries_spent: i32,
    /// Between −50000 and 50000.
    pub priority: i32,
    /// When it was accepted.
    pub submitted_at_ms: i64,
    /// When it entered its state.
    pub since_ms: i64,
    /// When a blocked process becomes ready, or a running one's lease ends.
    pub until_ms: Option<i64>,
    /// The grant that allowed it.
    pub submitter_grant: GrantKey,
    /// The submitter's name.
    pub submitter: String,
    /// The name of its executor, or of the last one.
    pub executor: Option<String>,
    /// The reason for the last attempt's failure, or for its becoming a dead letter.
    pub reason: Option<String>,
    /// Free labels, to find it again.
    pub labels: BTreeMap<String, String>,
    /// The name of the caller who cancelled or discarded it, or asked for that.
    pub ended_by: Option<String>,
    /// The latest end of a cancelled process's lease.
    pub cancel_deadline_ms: Option<i64>,
    /// The cause of a block: `parents`, `not_before`, `backoff`, `snooze` or `surroundings`.
    pub blocked_cause: Option<String>,
    /// The progress that the last attempt reported, 0 to 100.
    pub percent: Option<f64>,
    /// The last progress message of the last attempt.
    pub progress: Option<String>,
}

/// A process with its signed spec.
#[derive(Clone, Debug)]
pub struct ProcessRecord {
    /// The process.
    pub summary: ProcessSummary,
    /// The grant that allowed it.
    pub submitter: GrantKey,
    /// The signed bytes.
    pub payload: Bytes,
    /// Their signature, as kept.
    pub signature: Vec<u8>,
}

/// The signed spec of a process that is leased.
#[derive(Clone, Debug)]
pub struct SpecRecord {
    /// The process.
    pub process_id: Uuid,
    /// The signed bytes.
    pub payload: Bytes,
}

/// An attempt at a process, running or over.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The attempt's number.
    pub attempt: i32,
    /// The executor's grant.
    pub executor: GrantKey,
    /// When the lease began.
    pub claimed_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// The [`super::AttemptEnding`]'s word, or `running`.
    pub ending: String,
    /// The reason for its failure.
    pub reason: Option<String>,
    /// The signed result's bytes and signature, if the executor sent one.
    pub result: Option<(Bytes, Vec<u8>)>,
}
