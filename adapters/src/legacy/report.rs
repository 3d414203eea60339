//! Report of an import: counts, problems and tasks.

use std::collections::BTreeMap;

use apiary_executor_sdk::SubmitResult;
use serde::Serialize;

use super::fields::clipped;
use super::limits::{LEFT_OUT_MAX, PROBLEM_CHARS_MAX, PROBLEMS_MAX, SHOWN_CHARS_MAX, STATUSES_MAX, TASKS_MAX};
use super::status::RowStatus;
use super::task::Task;

/// Names under which rows without a status, and entries beyond a bound, are counted.
const NO_STATUS: &str = "(none)";
const OTHERS: &str = "(others)";

/// Results of an import, or of a dry run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// True if nothing was sent.
    pub dry_run: bool,
    /// Rows read or counted.
    pub rows: u64,
    /// Rows that are to be submitted and have no fault.
    pub to_submit: u64,
    /// Rows that became a process in this run.
    pub submitted: u64,
    /// Rows whose process existed before.
    pub existed: u64,
    /// Rows that are finished.
    pub skipped: u64,
    /// Rows that an older worker may be working on.
    pub left: u64,
    /// Rows of another colony of the older queue.
    pub other_colony: u64,
    /// Rows with an unknown status.
    pub unknown: u64,
    /// Rows that were not submitted because of a fault.
    pub failed: u64,
    /// Rows by their status.
    pub statuses: Vec<StatusCount>,
    /// Rows with a fault, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Omitted columns and command keys, each with the number of rows that have it.
    pub left_out: BTreeMap<String, u64>,
    /// Tasks, at most [`TASKS_MAX`].
    pub tasks: Vec<TaskView>,
}

/// Rows of one status.
#[derive(Clone, Debug, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: String,
    /// Number of rows with this status.
    pub rows: u64,
    /// Treatment of these rows: `submitted`, `left`, `skipped` or `unknown`.
    pub action: &'static str,
}

/// A row with a fault.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The row's id, or its position in the source.
    pub row: String,
    /// Description of the fault.
    pub problem: String,
}

/// A row as a task.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    /// The row's id.
    pub id: String,
    /// Status in the older queue.
    pub status: String,
    /// Executor type.
    pub executor_type: String,
    /// Function.
    pub function: String,
    /// Priority.
    pub priority: i32,
    /// Attempts after the first, if the row says.
    pub max_retries: Option<i32>,
    /// The process, new or existing.
    pub process_id: Option<String>,
    /// True if the process existed before.
    pub existed: Option<bool>,
}

impl Report {
    /// Counts rows of a status. `submits` is true if the mapping submits them.
    pub(super) fn count(&mut self, status: &str, row_status: RowStatus, submits: bool, rows: u64) {
        let action = if submits { RowStatus::Waiting } else { row_status };
        match action {
            RowStatus::Waiting => {}
            RowStatus::Running => self.left += rows,
            RowStatus::Finished => self.skipped += rows,
            RowStatus::Unknown => self.unknown += rows,
        }
        let status = clipped(status.trim(), SHOWN_CHARS_MAX);
        let name = if status.is_empty() { NO_STATUS } else { &status };
        let is_new = !self.statuses.iter().any(|count| count.status == name);
        // The bound holds also if a column with a value of its own in every row was named as the status.
        let name = if is_new && self.statuses.len() >= STATUSES_MAX { OTHERS } else { name };
        match self.statuses.iter_mut().find(|count| count.status == name) {
            Some(count) => count.rows += rows,
            None => self.statuses.push(StatusCount { status: name.to_owned(), rows, action: action.word() }),
        }
    }

    /// Counts rows of another colony.
    pub(super) fn count_other_colony(&mut self, rows: u64) {
        self.other_colony += rows;
    }

    /// Records a row with a fault.
    pub(super) fn fail(&mut self, row: &str, problem: &str) {
        self.failed += 1;
        if self.problems.len() < PROBLEMS_MAX {
            let problem = clipped(problem, PROBLEM_CHARS_MAX);
            self.problems.push(Problem { row: clipped(row, SHOWN_CHARS_MAX), problem });
        }
    }

    /// Records a task that is to be submitted, and the fields that its spec omits.
    pub(super) fn plan(&mut self, task: &Task) {
        self.to_submit += 1;
        for name in &task.left_out {
            let is_new = !self.left_out.contains_key(name);
            let name = if is_new && self.left_out.len() >= LEFT_OUT_MAX { OTHERS } else { name };
            *self.left_out.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Lists a task, with its process.
    pub(super) fn list(&mut self, task: Task, submitted: Option<SubmitResult>) {
        match submitted {
            Some(SubmitResult { existed: true, .. }) => self.existed += 1,
            Some(_) => self.submitted += 1,
            None => {}
        }
        if self.tasks.len() < TASKS_MAX {
            self.tasks.push(TaskView {
                id: task.id,
                status: clipped(&task.status, SHOWN_CHARS_MAX),
                executor_type: task.executor_type,
                function: task.function,
                priority: task.priority,
                max_retries: task.max_retries,
                process_id: submitted.map(|submitted| submitted.process_id.to_string()),
                existed: submitted.map(|submitted| submitted.existed),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_stays_small_whatever_it_is_told() {
        let mut report = Report::default();
        for number in 0..10_000_u64 {
            report.count(&format!("status {number}"), RowStatus::Unknown, false, 2);
            report.fail("1", &"long ".repeat(1000));
        }
        assert_eq!((report.unknown, report.failed), (20_000, 10_000));
        assert_eq!(report.statuses.len(), STATUSES_MAX + 1);
        assert_eq!(report.statuses.iter().map(|count| count.rows).sum::<u64>(), 20_000);
        assert!(report.problems.len() == PROBLEMS_MAX && report.problems[0].problem.len() < 500);
    }
}
