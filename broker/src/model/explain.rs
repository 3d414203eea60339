//! What explaining needs to know, as kept, and what it says.

use std::collections::BTreeMap;

use apiary_identity::Requirements;
use uuid::Uuid;

use super::{Bucket, FailedParent, ProcessState, ProcessSummary};

/// A process with all that decides whether it runs.
#[derive(Clone, Debug)]
pub struct ExplainRecord {
    /// The process.
    pub summary: ProcessSummary,
    /// The requirements on its executor.
    pub requires: Requirements,
    /// If not empty, only executors of these names may have it.
    pub executor_names: Vec<String>,
    /// What it is counted by while it runs.
    pub concurrency_key: Option<String>,
    /// What its start is counted by.
    pub rate_key: Option<String>,
    /// When it fails if nobody has claimed it by then, and nothing of the time until then is under a pause.
    pub wait_deadline_ms: Option<i64>,
    /// What is left of its `max_wait`, once that stands still under a pause.
    pub wait_left_ms: Option<i64>,
    /// How many of its executor type wait before it.
    pub ahead: i64,
    /// How long the last attempts of its executor type ran, in the mean, in milliseconds: of those among the colony's last ten
    /// thousand processes that finished in the time that was asked for.
    pub run_ms_mean: Option<i64>,
    /// The processes that it still waits for, and their states: `None` for one that was deleted.
    pub parents: Vec<(Uuid, Option<ProcessState>)>,
    /// When its lease was renewed last, or made.
    pub renewed_at_ms: Option<i64>,
}

/// Waiting processes that are alike in all that decides who may have them.
#[derive(Clone, Debug)]
pub struct WaitingSort {
    /// The function to be done.
    pub function: String,
    /// What an executor must have.
    pub requires: Requirements,
    /// If not empty, only executors of these names may have them.
    pub executor_names: Vec<String>,
    /// What they are counted by while they run.
    pub concurrency_key: Option<String>,
    /// What their starts are counted by.
    pub rate_key: Option<String>,
    /// How many there are.
    pub count: i64,
    /// Since when the first of them could run.
    pub since_ms: i64,
}

/// Who holds the places of a limit.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    /// How many run.
    pub running: i64,
    /// The oldest of them, at most ten.
    pub process_ids: Vec<Uuid>,
    /// What is left of its rate; `None` if all of it.
    pub bucket: Option<Bucket>,
}

/// Waiting work of an executor type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingType {
    /// The executor type.
    pub executor_type: String,
    /// The number of processes that wait, up to a share of [`HEALTH_ROWS_MAX`](crate::limits::HEALTH_ROWS_MAX).
    pub count: i64,
    /// More may wait than were counted.
    pub is_cut: bool,
    /// Since when the first of those counted could run.
    pub since_ms: i64,
}

/// What somebody should look at in a colony.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    /// Processes that ended badly, by state.
    pub failures: Vec<FailureSummary>,
    /// Failed processes that others wait for.
    pub parents: Vec<FailedParent>,
    /// Processes that wait for their surroundings, by executor type and cause.
    pub waits: Vec<WaitSummary>,
}

/// Processes that ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSummary {
    /// [`ProcessState::DeadLetter`] or [`ProcessState::Failed`].
    pub state: ProcessState,
    /// How many, up to [`HEALTH_COUNT_MAX`](crate::limits::HEALTH_COUNT_MAX).
    pub count: i64,
    /// When the first of those counted ended.
    pub since_ms: i64,
    /// The last one.
    pub last: Uuid,
    /// The function.
    pub function: String,
    /// The labels, which name what it was about.
    pub labels: BTreeMap<String, String>,
    /// What went wrong with it.
    pub reason: String,
}

/// Processes that were given back because something around them is out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitSummary {
    /// Their executor type.
    pub executor_type: String,
    /// The name of what is waited for.
    pub surroundings: String,
    /// The one that waits longest.
    pub longest: Uuid,
    /// The function of that one.
    pub function: String,
    /// The labels of that one, which name what it is about.
    pub labels: BTreeMap<String, String>,
    /// The condition that is waited for, in the words of that one's executor.
    pub reason: String,
    /// How many, up to [`HEALTH_WAITS_MAX`](crate::limits::HEALTH_WAITS_MAX).
    pub count: i64,
    /// Since when the first of them waits.
    pub since_ms: Option<i64>,
}

/// One reason, for people and for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// Which: one of `docs/explain.md`.
    pub kind: &'static str,
    /// In a sentence.
    pub text: String,
    /// Who or what it is about.
    pub subjects: Vec<String>,
    /// The processes that it is about.
    pub process_ids: Vec<Uuid>,
    /// When it began or will end.
    pub time_ms: Option<i64>,
    /// How much is used.
    pub used: i64,
    /// How much there is.
    pub limit: i64,
}
