//! Conditions in a colony that need attention: a pure function of the known facts. `docs/explain.md` lists the kinds.

use std::collections::BTreeMap;

use apiary_daemon::Notice;
use apiary_store::limits::{HEALTH_CHILDREN_MAX, HEALTH_COUNT_MAX, HEALTH_WAITS_MAX};
use apiary_store::model::{
    ColonyProblems, ExplainReason, FailureSummary, Pause, ProcessState, WaitSummary, WaitingGroup, WaitingType,
};

use crate::engine::explain::{Candidate, Demand, counted, is_paused, nobody, span, unknown_function};
use crate::engine::presence::state::Presence;
use crate::limits::{HEALTH_LABELS_CHARS_MAX, HEALTH_SORTS_MAX};

/// The age from which gone executors, and processes that no executor took in time, are no longer reported, in milliseconds.
pub(in crate::engine) const NEWS_MS: i64 = 24 * 3_600_000;
/// Reasons that an operator must remove before any executor can take a process, however long it waits.
const UNSERVED: [&str; 4] =
    ["FUNCTION_NOT_GRANTED", "FUNCTION_UNKNOWN", "REQUIREMENTS_UNMET", "NAMED_EXECUTOR_UNKNOWN"];

/// A condition that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The kind: one of `docs/explain.md`.
    pub(crate) kind: &'static str,
    /// The finding in a sentence, with advice.
    pub(crate) text: String,
    /// The name that it is about.
    pub(crate) subject: String,
    /// The number of processes or executors.
    pub(crate) count: i64,
    /// The time since which it lasts.
    pub(crate) since_ms: Option<i64>,
}

/// The known facts about a colony.
pub(in crate::engine) struct Facts<'f> {
    /// The reason why the broker is not ready for work, if so.
    pub(in crate::engine) unready: Option<&'f str>,
    /// Conditions of the broker as a whole.
    pub(in crate::engine) notices: &'f [Notice],
    /// The waiting work, by executor type.
    pub(in crate::engine) waiting: &'f [WaitingType],
    /// The executors, with their types.
    pub(in crate::engine) executors: &'f [(String, Candidate)],
    /// The pauses.
    pub(in crate::engine) pauses: &'f [Pause],
    /// Processes that ended badly, and processes that wait for their surroundings.
    pub(in crate::engine) troubles: &'f ColonyProblems,
    /// Waiting work that no present executor can take.
    pub(in crate::engine) unserved: Vec<Finding>,
    /// Processes that outstay their retention.
    pub(in crate::engine) lagging: Vec<Finding>,
    /// Grants that end soon.
    pub(in crate::engine) ending: Vec<Finding>,
    /// The age at which waiting work without a listening executor is reported.
    pub(in crate::engine) unattended_after_ms: i64,
    /// The time.
    pub(in crate::engine) now_ms: i64,
}

impl<'f> Facts<'f> {
    /// Returns the facts about the broker alone.
    pub(in crate::engine) fn of_broker(unready: Option<&'f str>, notices: &'f [Notice]) -> Self {
        const NONE: &ColonyProblems = &ColonyProblems { failures: Vec::new(), parents: Vec::new(), waits: Vec::new() };
        Self {
            unready,
            notices,
            waiting: &[],
            executors: &[],
            pauses: &[],
            troubles: NONE,
            unserved: Vec::new(),
            lagging: Vec::new(),
            ending: Vec::new(),
            unattended_after_ms: 0,
            now_ms: 0,
        }
    }
}

/// Returns the findings, the worst first.
pub(in crate::engine) fn findings(facts: Facts<'_>) -> Vec<Finding> {
    // A fault of the broker itself may be the cause of everything that follows.
    let mut findings: Vec<Finding> = facts.unready.map(not_ready).into_iter().collect();
    findings.extend(facts.notices.iter().map(of_notice));
    let unattended = |waiting| unattended(waiting, facts.executors, facts.unattended_after_ms, facts.now_ms);
    findings.extend(facts.waiting.iter().filter_map(unattended));
    findings.extend(facts.troubles.waits.iter().map(|waits| outside(waits, facts.now_ms)));
    findings.extend(facts.unserved);
    findings.extend(facts.troubles.failures.iter().map(failed));
    findings.extend(facts.troubles.parents.iter().map(|parent| Finding {
        kind: "PARENT_FAILED",
        text: format!(
            "process {} failed, and {} for it: `apiary process redrive` tries it again",
            parent.process_id,
            bounded(parent.count, HEALTH_CHILDREN_MAX, "other waits", "others wait")
        ),
        subject: parent.process_id.to_string(),
        count: parent.count,
        since_ms: Some(parent.since_ms),
    }));
    findings.extend(facts.pauses.iter().map(|pause| {
        let kind = pause.what.kind.as_str().replace('_', " ");
        let name = if pause.what.name.is_empty() { String::new() } else { format!(" `{}`", pause.what.name) };
        let command = format!("apiary pause remove {} {}", kind.replace(' ', "-"), pause.what.name);
        let command = command.trim_end();
        Finding {
            kind: "PAUSED",
            text: format!("the {kind}{name} {}; `{command}` ends it", is_paused(pause)),
            subject: pause.what.name.clone(),
            count: 1,
            since_ms: Some(pause.since_ms),
        }
    }));
    findings.extend(facts.lagging);
    findings.extend(facts.ending);
    for (executor_type, executor) in facts.executors {
        let quiet_ms = executor.heard_ms.map(|heard_ms| facts.now_ms.saturating_sub(heard_ms));
        let (kind, text) = match (executor.presence, quiet_ms) {
            // An executor that is gone for a day is no news.
            (Presence::Gone, Some(quiet_ms)) if quiet_ms > NEWS_MS => continue,
            (Presence::Silent | Presence::Gone, Some(quiet_ms)) => {
                let quiet = span(quiet_ms);
                let name = &executor.name;
                (
                    "EXECUTOR_SILENT",
                    format!(
                        "executor `{name}` of type `{executor_type}` has not been heard for {quiet}: start it again, or see its \
                         log; `apiary executor remove {name}` is for one that is not to come back"
                    ),
                )
            }
            (Presence::Pending, _) => (
                "EXECUTOR_PENDING",
                format!(
                    "executor `{0}` of type `{executor_type}` waits for approval: `apiary executor approve {0}` or `reject {0}`",
                    executor.name
                ),
            ),
            _ => continue,
        };
        let (subject, since_ms) = (executor.name.clone(), executor.heard_ms);
        findings.push(Finding { kind, text, subject, count: 1, since_ms });
    }
    findings
}

/// Returns the finding about a broker that takes or hands out no work.
fn not_ready(reason: &str) -> Finding {
    Finding {
        kind: "BROKER_NOT_READY",
        text: format!(
            "the broker is not ready for work: {reason}; once that is mended it goes on by itself: see its /readyz and its log"
        ),
        subject: String::new(),
        count: 1,
        since_ms: None,
    }
}

fn of_notice(notice: &Notice) -> Finding {
    Finding {
        kind: notice.kind,
        text: notice.text.clone(),
        subject: notice.subject.clone(),
        count: i64::try_from(notice.count).unwrap_or(i64::MAX),
        since_ms: Some(notice.since_ms),
    }
}

/// Returns the finding about work that has waited for long without an executor to take it.
pub(in crate::engine) fn unattended(
    waiting: &WaitingType,
    executors: &[(String, Candidate)],
    unattended_after_ms: i64,
    now_ms: i64,
) -> Option<Finding> {
    let waited_ms = now_ms.saturating_sub(waiting.since_ms);
    let listens = |(executor_type, executor): &(String, Candidate)| {
        *executor_type == waiting.executor_type
            && matches!(executor.presence, Presence::Idle | Presence::Busy | Presence::Draining)
    };
    if waited_ms < unattended_after_ms || executors.iter().any(listens) {
        return None;
    }
    Some(Finding {
        kind: "UNATTENDED_TYPE",
        text: format!(
            "nobody listens for executor type `{}`: {} waiting, the first for {}; start an executor of that type",
            waiting.executor_type,
            if waiting.is_cut { format!("at least {}", waiting.count) } else { waiting.count.to_string() },
            span(waited_ms)
        ),
        subject: waiting.executor_type.clone(),
        count: waiting.count,
        since_ms: Some(waiting.since_ms),
    })
}

/// Returns the finding about work that was given back because something around it is out of order.
fn outside(waits: &WaitSummary, now_ms: i64) -> Finding {
    let WaitSummary { executor_type, surroundings, longest, function, labels, reason, count, since_ms } = waits;
    let since = since_ms
        .map_or_else(String::new, |since_ms| format!(", the first for {}", span(now_ms.saturating_sub(since_ms))));
    Finding {
        kind: "WAITS_ON_SURROUNDINGS",
        text: format!(
            "{} of type `{executor_type}` cannot go on{since}: {reason}; the first is {longest}, `{function}`{}; nothing is lost, and \
             they go on by themselves once that is mended",
            bounded(*count, HEALTH_WAITS_MAX, "process", "processes"),
            in_brackets(labels),
        ),
        subject: surroundings.clone(),
        count: *count,
        since_ms: *since_ms,
    }
}

/// Returns the finding about processes that ended badly.
fn failed(failures: &FailureSummary) -> Finding {
    let FailureSummary { state, count, since_ms, last, function, labels, reason } = failures;
    let last = format!("the last is {last}, `{function}`{}: {reason}", in_brackets(labels));
    let (kind, text) = match state {
        ProcessState::DeadLetter => (
            "DEAD_LETTERS",
            format!(
                "{}; {last}; `apiary process list --state dead_letter`, then redrive or discard",
                bounded(*count, HEALTH_COUNT_MAX, "dead letter", "dead letters")
            ),
        ),
        _ => (
            "FAILED",
            format!(
                "{} failed within a day because nobody took them in time; {last}; `apiary process list --state failed`, then redrive",
                bounded(*count, HEALTH_COUNT_MAX, "process", "processes")
            ),
        ),
    };
    Finding { kind, text, subject: String::new(), count: *count, since_ms: Some(*since_ms) }
}

/// Formats the labels of a process, which name what it is about: a few words.
fn in_brackets(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let words: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let words: String = words.join(" ").chars().take(HEALTH_LABELS_CHARS_MAX).collect();
    format!(" ({words})")
}

/// Formats a number of things that were counted up to a bound.
fn bounded(count: i64, most: i64, one: &str, many: &str) -> String {
    let words = counted(count, one, many);
    if count < most { words } else { format!("at least {words}") }
}

/// Returns the findings about waiting work of a type that no present executor can take, however long it waits: each reason once, with the
/// number of its processes. `candidates` are the executors of the type, for a function.
pub(in crate::engine) fn unserved(
    executor_type: &str,
    sorts: &[WaitingGroup],
    candidates: impl Fn(&str) -> Vec<Candidate>,
    unattended_after_ms: i64,
    now_ms: i64,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for sort in sorts.iter().filter(|sort| now_ms.saturating_sub(sort.since_ms) >= unattended_after_ms) {
        let WaitingGroup { function, executor_names, requires, count, since_ms, .. } = sort;
        let need = Demand { executor_type, function, executor_names, requires };
        let executors = candidates(function);
        let held = nobody(need, &executors, now_ms).or_else(|| unknown_function(need, &executors));
        let Some(ExplainReason { kind, text, .. }) = held.filter(|held| UNSERVED.contains(&held.kind)) else {
            continue;
        };
        let text = format!("waiting for `{function}` of type `{executor_type}`: {text}");
        match findings.iter().position(|known| (known.kind, &known.text) == (kind, &text)) {
            Some(place) => {
                let known = &mut findings[place];
                known.count = known.count.saturating_add(*count);
                known.since_ms = known.since_ms.min(Some(*since_ms));
            }
            None if findings.len() < HEALTH_SORTS_MAX => {
                let subject = function.clone();
                findings.push(Finding { kind, text, subject, count: *count, since_ms: Some(*since_ms) });
            }
            None => break,
        }
    }
    for finding in &mut findings {
        finding.text = format!("{} {}", counted(finding.count, "process", "processes"), finding.text);
    }
    findings
}
