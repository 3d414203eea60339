//! Explanations: the stored facts that they need, and the reasons that they give.

use std::collections::BTreeMap;

use apiary_identity::Requirements;
use uuid::Uuid;

use super::{Bucket, FailedParent, ProcessState, ProcessSummary};

/// A process with everything that decides whether it runs.
#[derive(Clone, Debug)]
pub struct ExplainRecord {
    /// The process.
    pub summary: ProcessSummary,
    /// The requirements on its executor.
    pub requires: Requirements,
    /// If not empty, only executors of these names may have it.
    pub executor_names: Vec<String>,
    /// The key by which it is counted while it runs.
    pub concurrency_key: Option<String>,
    /// The key by which its start is counted.
    pub rate_key: Option<String>,
    /// When it fails unless it is claimed first; a pause before then moves the time.
    pub wait_deadline_ms: Option<i64>,
    /// The part of its `max_wait` that is left, once a pause has stopped the count.
    pub wait_left_ms: Option<i64>,
    /// The number of processes of its executor type that wait ahead of it, at most
    /// [`EXPLAIN_AHEAD_MAX`](crate::limits::EXPLAIN_AHEAD_MAX).
    pub ahead: i64,
    /// True if there are more than those.
    pub more_ahead: bool,
    /// The mean duration of its executor type's last attempts, in milliseconds: of those among the colony's last
    /// [`EXPLAIN_RUNS_MAX`](crate::limits::EXPLAIN_RUNS_MAX) processes that finished in the time that was asked for.
    pub run_ms_mean: Option<i64>,
    /// The processes that it still waits for, and their states: `None` for one that was deleted.
    pub parents: Vec<(Uuid, Option<ProcessState>)>,
    /// When its lease was last renewed, or made.
    pub renewed_at_ms: Option<i64>,
}

/// Waiting processes with the same function, requirements, names and keys: the same executors may have all of them.
#[derive(Clone, Debug)]
pub struct WaitingGroup {
    /// The function to be done.
    pub function: String,
    /// The requirements on their executor.
    pub requires: Requirements,
    /// If not empty, only executors of these names may have them.
    pub executor_names: Vec<String>,
    /// The key by which they are counted while they run.
    pub concurrency_key: Option<String>,
    /// The key by which their starts are counted.
    pub rate_key: Option<String>,
    /// The number of such processes.
    pub count: i64,
    /// The time since which the first of them could run.
    pub since_ms: i64,
}

/// The use of a limit: the processes that run under it, and the rest of its rate.
#[derive(Clone, Debug, Default)]
pub struct LimitHolders {
    /// The number of processes that run.
    pub running: i64,
    /// The oldest of them, at most ten.
    pub process_ids: Vec<Uuid>,
    /// The rest of its rate; `None` if all of it.
    pub bucket: Option<Bucket>,
}

/// Waiting work of an executor type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingType {
    /// The executor type.
    pub executor_type: String,
    /// The number of processes that wait, up to a share of [`HEALTH_ROWS_MAX`](crate::limits::HEALTH_ROWS_MAX).
    pub count: i64,
    /// True if more may wait than were counted.
    pub is_cut: bool,
    /// The time since which the first of those counted could run.
    pub since_ms: i64,
}

/// Running work of an executor type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningType {
    /// The executor type.
    pub executor_type: String,
    /// The number of processes that run.
    pub count: i64,
    /// When the first of them was leased.
    pub since_ms: i64,
}

/// The conditions in a colony that need an operator's attention.
#[derive(Clone, Debug, Default)]
pub struct ColonyProblems {
    /// Processes that ended badly, by state.
    pub failures: Vec<FailureSummary>,
    /// Failed processes that others wait for.
    pub parents: Vec<FailedParent>,
    /// Processes that wait for their surroundings, by executor type and cause.
    pub waits: Vec<WaitSummary>,
}

/// Processes that ended badly, summed up by state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSummary {
    /// [`ProcessState::DeadLetter`] or [`ProcessState::Failed`].
    pub state: ProcessState,
    /// The number, up to [`HEALTH_COUNT_MAX`](crate::limits::HEALTH_COUNT_MAX).
    pub count: i64,
    /// When the first of those counted ended.
    pub since_ms: i64,
    /// The last of them.
    pub last: Uuid,
    /// The last one's function.
    pub function: String,
    /// The last one's labels, which name what it was about.
    pub labels: BTreeMap<String, String>,
    /// The last one's reason.
    pub reason: String,
}

/// Processes that were given back because something around them is out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitSummary {
    /// The executor type.
    pub executor_type: String,
    /// The name of what is waited for.
    pub surroundings: String,
    /// The process that waits longest.
    pub longest: Uuid,
    /// The longest waiter's function.
    pub function: String,
    /// The longest waiter's labels, which name what it is about.
    pub labels: BTreeMap<String, String>,
    /// The condition that is waited for, in the words of the longest waiter's executor.
    pub reason: String,
    /// The number, up to [`HEALTH_WAITS_MAX`](crate::limits::HEALTH_WAITS_MAX).
    pub count: i64,
    /// The time since which the first of them waits.
    pub since_ms: Option<i64>,
}

/// A reason, for people and for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainReason {
    /// The kind: one of `docs/explain.md`.
    pub kind: &'static str,
    /// The reason in a sentence.
    pub text: String,
    /// The names that it is about: executors, executor types, functions, keys.
    pub subjects: Vec<String>,
    /// The processes that it is about.
    pub process_ids: Vec<Uuid>,
    /// When it began or will end.
    pub time_ms: Option<i64>,
    /// The amount in use.
    pub used: i64,
    /// The amount available.
    pub limit: i64,
}
