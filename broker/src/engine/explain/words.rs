//! Text of reasons: names, counts and times in a sentence.

use apiary_identity::Requirements;
use apiary_store::model::{ExplainReason, Pause, PauseKind};
use jiff::{SignedDuration, Timestamp};

use super::Candidate;

/// The most executors, functions or processes named in one sentence.
const NAMED_MAX: usize = 5;

/// Returns a reason about these names.
pub(super) fn reason(kind: &'static str, text: String, subjects: Vec<String>) -> ExplainReason {
    ExplainReason { kind, text, subjects, ..ExplainReason::default() }
}

/// Returns the names of executors, each once.
pub(super) fn names_of(executors: &[&Candidate]) -> Vec<String> {
    let mut names: Vec<String> = executors.iter().map(|one| one.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Formats names in a sentence: the first few, and the number of the rest.
pub(super) fn named(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Formats the requirements that the nearest executors lack.
pub(super) fn shortfalls(requires: &Requirements, executors: &[&Candidate]) -> String {
    let mut lacks: Vec<(usize, String)> = executors
        .iter()
        .map(|one| {
            let missing = requires.shortfalls(&one.offer);
            let words: Vec<String> = missing.iter().map(ToString::to_string).collect();
            (missing.len(), format!("`{}` ({})", one.name, words.join("; ")))
        })
        .collect();
    lacks.sort();
    lacks.dedup();
    let shown: Vec<String> = lacks.into_iter().take(NAMED_MAX).map(|(_, words)| words).collect();
    shown.join(", ")
}

/// Formats a number of things: `1 attempt`, `2 attempts`.
pub(in crate::engine) fn counted(count: i64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Formats a pause in a sentence.
pub(super) fn paused(pause: &Pause) -> String {
    let what = match pause.what.kind {
        PauseKind::Colony => "the colony".to_owned(),
        PauseKind::ExecutorType => format!("executor type `{}`", pause.what.name),
        PauseKind::Function => format!("function `{}`", pause.what.name),
    };
    format!("{what} {}", is_paused(pause))
}

/// Formats the author, the time and the reason of a pause.
pub(in crate::engine) fn is_paused(pause: &Pause) -> String {
    format!("is paused by {} since {}{}", pause.by, moment(pause.since_ms), because(Some(&pause.reason)))
}

/// Formats a reason, if there is one.
pub(super) fn because(reason: Option<&str>) -> String {
    match reason {
        None | Some("") => String::new(),
        Some(reason) => format!(": {reason}"),
    }
}

/// Formats the number of processes that wait.
pub(super) fn waits(count: i64) -> String {
    counted(count, "process waits", "processes wait")
}

/// Returns the verb for this number of names.
pub(super) fn has(names: &[String]) -> &'static str {
    if names.len() == 1 { "has" } else { "have" }
}

/// Formats a moment for people, to the second.
pub(in crate::engine) fn moment(ms: i64) -> String {
    match Timestamp::from_second(ms.div_euclid(1000)) {
        Ok(moment) => moment.to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// Formats the distance of a moment.
pub(super) fn until(now_ms: i64, then_ms: i64) -> String {
    match then_ms.saturating_sub(now_ms) {
        left if left > 0 => format!("in {}", span(left)),
        _ => "now".to_owned(),
    }
}

/// Formats a duration for people, to the second.
pub(in crate::engine) fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(999) / 1000;
    format!("{:#}", SignedDuration::from_secs(seconds))
}
