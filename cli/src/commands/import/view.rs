//! Output of an import for people.

use apiary_adapters::legacy::{Report, TaskView};

use crate::output::table;

/// Tasks listed of a dry run.
const TASKS_SHOWN: usize = 50;
/// Problems listed.
const PROBLEMS_SHOWN: usize = 100;

/// Formats the statuses, a dry run's tasks, the omitted fields, the problems and the sums.
pub(super) fn text(report: &Report) -> String {
    let parts = [statuses(report), tasks(report), left_out(report), problems(report), sum(report)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn statuses(report: &Report) -> String {
    if report.statuses.is_empty() {
        return String::new();
    }
    let counts = report.statuses.iter();
    let cells = counts.map(|count| vec![count.status.clone(), count.rows.to_string(), count.action.to_owned()]);
    table(&["status", "rows", "action"], cells)
}

/// Formats the tasks, but only of a dry run: otherwise, `apiary process list` shows them.
fn tasks(report: &Report) -> String {
    if !report.dry_run || report.tasks.is_empty() {
        return String::new();
    }
    let cells = report.tasks.iter().take(TASKS_SHOWN).map(cells);
    let list = table(&["id", "status", "type", "function", "priority", "retries"], cells);
    with_rest(list, report.to_submit, TASKS_SHOWN.min(report.tasks.len()))
}

fn cells(task: &TaskView) -> Vec<String> {
    vec![
        task.id.clone(),
        task.status.clone(),
        task.executor_type.clone(),
        task.function.clone(),
        task.priority.to_string(),
        task.max_retries.map_or_else(String::new, |retries| retries.to_string()),
    ]
}

fn left_out(report: &Report) -> String {
    if report.left_out.is_empty() {
        return String::new();
    }
    table(&["left out", "rows"], report.left_out.iter().map(|(name, rows)| vec![name.clone(), rows.to_string()]))
}

fn problems(report: &Report) -> String {
    if report.problems.is_empty() {
        return String::new();
    }
    let shown = report.problems.iter().take(PROBLEMS_SHOWN);
    let list = table(&["row", "problem"], shown.map(|problem| vec![problem.row.clone(), problem.problem.clone()]));
    with_rest(list, report.failed, PROBLEMS_SHOWN.min(report.problems.len()))
}

fn with_rest(list: String, all: u64, shown: usize) -> String {
    match all.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX)) {
        0 => list,
        more => format!("{list}\nand {more} more"),
    }
}

fn sum(report: &Report) -> String {
    let mut parts = match report.dry_run {
        true => vec![format!("{} would be submitted", report.to_submit)],
        false => vec![format!("{} submitted", report.submitted), format!("{} existed", report.existed)],
    };
    let counts = [
        (report.skipped, "skipped"),
        (report.left, "left running"),
        (report.other_colony, "of another colony"),
        (report.unknown, "of an unknown status"),
        (report.failed, "failed"),
    ];
    parts.extend(counts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")));
    format!("{} rows: {}", report.rows, parts.join(", "))
}
