//! Maps rows to tasks, in pure functions.

use std::collections::BTreeMap;

use apiary_identity::limits::VALUE_BYTES_MAX;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::error::LegacyError;
use super::fields::{Fields, clipped, shown};
use super::limits::{ID_BYTES_MAX, SHOWN_CHARS_MAX, SOURCE_CHARS_MAX};
use super::status::RowStatus;
use super::task::Task;
use super::{command, priority};

/// Columns that become part of the spec, or that are known to carry nothing for it.
const COLUMNS: [&str; 16] = [
    "id",
    "status",
    "priority",
    "command",
    "max_retries",
    "retry_count",
    "created_at",
    "executor_type",
    "executor",
    "assigned_to",
    "colony",
    "function",
    "not_before",
    "run_at",
    "scheduled_at",
    "scheduled_for",
];
/// Columns that may hold the earliest start, in order of precedence.
const TIME_COLUMNS: [&str; 4] = ["not_before", "run_at", "scheduled_at", "scheduled_for"];
/// Columns that may hold the executor type, in order of precedence.
const EXECUTOR_COLUMNS: [&str; 2] = ["executor_type", "executor"];
/// Columns that become labels, with the label's name.
const LABELS: [(&str, &str); 4] = [
    ("created_at", "legacy_created_at"),
    ("retry_count", "legacy_retry_count"),
    ("assigned_to", "legacy_assigned_to"),
    ("colony", "legacy_colony"),
];

/// The operator's settings for a table.
#[derive(Clone, Debug)]
pub struct Mapping {
    source: String,
    /// Executor type of rows that name none.
    pub executor_type: Option<String>,
    /// Function of rows that name none.
    pub function: Option<String>,
    /// Submits also rows that an older worker may be working on.
    pub include_running: bool,
    /// If set, imports only rows with this value in the column `colony`.
    pub from_colony: Option<String>,
}

impl Mapping {
    /// Creates a mapping for a source. The name has 1 to 64 letters, digits and `. _ -`. It is part of every row's
    /// idempotency key: under another name, the same rows are submitted again.
    ///
    /// # Errors
    ///
    /// [`LegacyError::Setting`] for another name.
    pub fn new(source: &str) -> Result<Self, LegacyError> {
        let fits = (1..=SOURCE_CHARS_MAX).contains(&source.len())
            && source.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !fits {
            return Err(LegacyError::Setting(format!(
                "the source's name is 1 to {SOURCE_CHARS_MAX} letters, digits and `. _ -`; got {}",
                shown(source)
            )));
        }
        Ok(Self {
            source: source.to_owned(),
            executor_type: None,
            function: None,
            include_running: false,
            from_colony: None,
        })
    }

    /// Returns the source's name.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns true if rows of this status are submitted.
    pub fn submits(&self, status: RowStatus) -> bool {
        match status {
            RowStatus::Waiting => true,
            RowStatus::Running => self.include_running,
            RowStatus::Finished | RowStatus::Unknown => false,
        }
    }

    /// Returns true if a row belongs to the requested colony, or if none is requested.
    pub(super) fn is_ours(&self, row: &Fields) -> Result<bool, String> {
        match &self.from_colony {
            Some(wanted) => Ok(row.text("colony")?.as_ref() == Some(wanted)),
            None => Ok(true),
        }
    }

    /// Returns a row's status as written; empty if there is none.
    pub(super) fn status(row: &Fields) -> Result<String, String> {
        Ok(row.text("status")?.unwrap_or_default())
    }

    /// Converts a row to a task. The error names the fault of the row.
    pub(super) fn task(&self, row: &Fields) -> Result<Task, String> {
        let status = Self::status(row)?;
        let id = id(row)?.ok_or("it has no `id`, which prevents duplicate submits")?;
        let call = command::read(row.raw("command"), row.text("function")?)?;
        let function = call.function.or_else(|| self.function.clone());
        let function = function.ok_or("it names no function: set one with `--function`")?;
        let (executor_column, executor_type) = first(row, &EXECUTOR_COLUMNS)?.unzip();
        let executor_type = executor_type.or_else(|| self.executor_type.clone());
        let executor_type = executor_type.ok_or("it names no executor type: set one with `--executor-type`")?;
        let (time_column, not_before) = first(row, &TIME_COLUMNS)?.unzip();
        let not_before = not_before.map(|text| moment(time_column.unwrap_or_default(), &text)).transpose()?;
        // Of two columns for the same setting, the second is reported as omitted.
        let passed_over = |column: &&str| {
            EXECUTOR_COLUMNS.contains(column) && executor_column != Some(column)
                || TIME_COLUMNS.contains(column) && time_column != Some(column)
        };
        let columns = row.names().filter(|column| !COLUMNS.contains(column) || passed_over(column));
        let left_out = columns.map(|column| format!("column `{}`", clipped(column, SHOWN_CHARS_MAX)));
        let keys = call.left_out.iter().map(|key| format!("key `{}` of `command`", clipped(key, SHOWN_CHARS_MAX)));
        Ok(Task {
            left_out: left_out.chain(keys).collect(),
            labels: self.labels(row, &id, &status)?,
            idempotency_key: format!("colony_tasks:{}:{id}", self.source),
            priority: priority::read(row.text("priority")?.as_deref())?,
            max_retries: row.integer("max_retries")?,
            args: call.args,
            id,
            status,
            function,
            executor_type,
            not_before,
        })
    }

    fn labels(&self, row: &Fields, id: &str, status: &str) -> Result<BTreeMap<String, String>, String> {
        let mut labels: BTreeMap<String, String> =
            [("legacy_id", id), ("legacy_source", &self.source), ("legacy_status", status)]
                .map(|(label, value)| (label.to_owned(), value.to_owned()))
                .into();
        for (column, label) in LABELS {
            let Some(value) = row.text(column)? else { continue };
            if value.len() > VALUE_BYTES_MAX {
                return Err(format!("`{column}` has {} bytes, the most is {VALUE_BYTES_MAX}", value.len()));
            }
            labels.insert(label.to_owned(), value);
        }
        Ok(labels)
    }
}

/// Returns the row's id. A number and a text of the same characters are the same id: a dump may contain either.
pub(super) fn id(row: &Fields) -> Result<Option<String>, String> {
    let Some(text) = row.text("id")? else { return Ok(None) };
    let is_number = row.raw("id").is_some_and(|raw| !raw.get().starts_with('"'));
    if is_number && !text.chars().all(|c| c.is_ascii_digit() || c == '-') {
        return Err(format!("`id` is {}, and should be a text or a whole number", shown(&text)));
    }
    if text.len() > ID_BYTES_MAX {
        return Err(format!("`id` has {} bytes, the most is {ID_BYTES_MAX}", text.len()));
    }
    Ok(Some(text))
}

/// Returns the first of these columns that has a value, with the value.
fn first(row: &Fields, columns: &'static [&'static str]) -> Result<Option<(&'static str, String)>, String> {
    for column in columns {
        if let Some(value) = row.text(column)? {
            return Ok(Some((column, value)));
        }
    }
    Ok(None)
}

/// Parses a time as databases print it; without an offset, UTC.
fn moment(column: &str, text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let utc = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?;
        Some(utc.timestamp())
    });
    moment.ok_or_else(|| format!("`{column}` is {}, and should be a time such as 2026-12-24T18:00:00Z", shown(text)))
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
