//! What an import did, or would do, in numbers and names.

use std::collections::BTreeMap;

use apiary_executor_sdk::Submitted;
use serde::Serialize;

use super::fields::clipped;
use super::limits::{LEFT_OUT_MAX, PROBLEM_CHARS_MAX, PROBLEMS_MAX, SHOWN_CHARS_MAX, STATUSES_MAX, TASKS_MAX};
use super::status::Standing;
use super::task::Task;

/// Under which name rows are counted, and names that are too many.
const NO_STATUS: &str = "(none)";
const OTHERS: &str = "(others)";

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Rows that were looked at.
    pub rows: u64,
    /// Of these, rows that are to be submitted and have nothing wrong with them.
    pub to_submit: u64,
    /// Rows that became a process now.
    pub submitted: u64,
    /// Rows that were a process already.
    pub existed: u64,
    /// Rows that are finished.
    pub skipped: u64,
    /// Rows that an older worker may be at.
    pub left: u64,
    /// Rows of another colony of the older queue.
    pub other_colony: u64,
    /// Rows of a status that is not known.
    pub unknown: u64,
    /// Rows that could not be submitted.
    pub failed: u64,
    /// Rows by their status.
    pub statuses: Vec<StatusCount>,
    /// What is wrong with which row, up to a bound.
    pub problems: Vec<Problem>,
    /// Columns, and keys of commands, that are not carried over, and how many rows have them.
    pub left_out: BTreeMap<String, u64>,
    /// The tasks one by one, up to a bound.
    pub tasks: Vec<TaskView>,
}

/// Rows of one status.
#[derive(Clone, Debug, Serialize)]
pub struct StatusCount {
    /// The status.
    pub status: String,
    /// How many rows have it.
    pub rows: u64,
    /// What is done with them: `submitted`, `left`, `skipped` or `unknown`.
    pub action: &'static str,
}

/// What is wrong with a row.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// Its id, or where it stands.
    pub row: String,
    /// What is wrong.
    pub problem: String,
}

/// A row as a task.
#[derive(Clone, Debug, Serialize)]
pub struct TaskView {
    /// The row's id.
    pub id: String,
    /// Its status at the older queue.
    pub status: String,
    /// By which kind of executor it is done.
    pub executor_type: String,
    /// What is to be done.
    pub function: String,
    /// Its priority.
    pub priority: i32,
    /// How many attempts after the first, if the row says.
    pub max_retries: Option<i32>,
    /// The process that it became, or was already.
    pub process_id: Option<String>,
    /// Whether it was already.
    pub existed: Option<bool>,
}

impl Report {
    /// Counts rows of a status. `submits` tells whether the mapping takes them.
    pub(super) fn count(&mut self, status: &str, standing: Standing, submits: bool, rows: u64) {
        let action = if submits { Standing::Waiting } else { standing };
        match action {
            Standing::Waiting => {}
            Standing::Running => self.left += rows,
            Standing::Finished => self.skipped += rows,
            Standing::Unknown => self.unknown += rows,
        }
        let status = clipped(status.trim(), SHOWN_CHARS_MAX);
        let name = if status.is_empty() { NO_STATUS } else { &status };
        let is_new = !self.statuses.iter().any(|count| count.status == name);
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

    /// Notes a row that could not be submitted.
    pub(super) fn fail(&mut self, row: &str, problem: &str) {
        self.failed += 1;
        if self.problems.len() < PROBLEMS_MAX {
            let problem = clipped(problem, PROBLEM_CHARS_MAX);
            self.problems.push(Problem { row: clipped(row, SHOWN_CHARS_MAX), problem });
        }
    }

    /// Notes a task that is to be submitted, and what of its row it leaves out.
    pub(super) fn plan(&mut self, task: &Task) {
        self.to_submit += 1;
        for name in &task.left_out {
            let is_new = !self.left_out.contains_key(name);
            let name = if is_new && self.left_out.len() >= LEFT_OUT_MAX { OTHERS } else { name };
            *self.left_out.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Lists a task, with the process that it became.
    pub(super) fn list(&mut self, task: Task, submitted: Option<Submitted>) {
        match submitted {
            Some(Submitted { existed: true, .. }) => self.existed += 1,
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
            report.count(&format!("status {number}"), Standing::Unknown, false, 2);
            report.fail("1", &"long ".repeat(1000));
        }
        assert_eq!((report.unknown, report.failed), (20_000, 10_000));
        assert_eq!(report.statuses.len(), STATUSES_MAX + 1);
        assert_eq!(report.statuses.iter().map(|count| count.rows).sum::<u64>(), 20_000);
        assert!(report.problems.len() == PROBLEMS_MAX && report.problems[0].problem.len() < 500);
    }
}
