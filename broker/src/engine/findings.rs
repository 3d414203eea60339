//! What needs somebody's attention in a colony: a pure function of what is known. `docs/explain.md` lists the kinds.

use apiary_daemon::Notice;

use super::presence::Presence;
use super::reasons::{Candidate, counted, is_paused, span};
use crate::model::{FailedParent, Pause, WaitingType};

/// Executors that were not heard for longer are not told of any more, in milliseconds.
const GONE_NEWS_MS: i64 = 24 * 3_600_000;

/// One thing that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which: one of `docs/explain.md`.
    pub(crate) kind: &'static str,
    /// In a sentence, with what to do.
    pub(crate) text: String,
    /// The name that it is about.
    pub(crate) subject: String,
    /// How many processes or executors.
    pub(crate) count: i64,
    /// Since when.
    pub(crate) since_ms: Option<i64>,
}

/// All that is known of a colony.
pub(super) struct Facts<'f> {
    /// Conditions of the broker as a whole.
    pub(super) notices: &'f [Notice],
    /// What waits, by executor type.
    pub(super) waiting: &'f [WaitingType],
    /// Its executors, with their types.
    pub(super) executors: &'f [(String, Candidate)],
    /// What is paused.
    pub(super) pauses: &'f [Pause],
    /// How many dead letters there are.
    pub(super) dead_letters: i64,
    /// What failed and others wait for.
    pub(super) failed_parents: &'f [FailedParent],
    /// Work that nobody listens for is reported after so long.
    pub(super) unattended_after_ms: i64,
    /// The time.
    pub(super) now_ms: i64,
}

/// What needs attention, the worst first.
pub(super) fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    // A fault of the broker itself may be the cause of all that follows.
    let mut findings: Vec<Finding> = facts.notices.iter().map(of_notice).collect();
    findings.extend(facts.waiting.iter().filter_map(|waiting| unattended(waiting, facts)));
    if facts.dead_letters > 0 {
        findings.push(Finding {
            kind: "DEAD_LETTERS",
            text: format!(
                "{}: `apiary process list --state dead_letter`, then redrive or discard",
                counted(facts.dead_letters, "dead letter", "dead letters")
            ),
            subject: String::new(),
            count: facts.dead_letters,
            since_ms: None,
        });
    }
    findings.extend(facts.failed_parents.iter().map(|parent| Finding {
        kind: "PARENT_FAILED",
        text: format!(
            "process {} failed, and {} for it: `apiary process redrive` tries it again",
            parent.process_id,
            counted(parent.count, "other waits", "others wait")
        ),
        subject: parent.process_id.to_string(),
        count: parent.count,
        since_ms: Some(parent.since_ms),
    }));
    findings.extend(facts.pauses.iter().map(|pause| {
        let kind = pause.what.kind.as_str().replace('_', " ");
        let name = if pause.what.name.is_empty() { String::new() } else { format!(" `{}`", pause.what.name) };
        Finding {
            kind: "PAUSED",
            text: format!("the {kind}{name} {}", is_paused(pause)),
            subject: pause.what.name.clone(),
            count: 1,
            since_ms: Some(pause.since_ms),
        }
    }));
    for (executor_type, executor) in facts.executors {
        let quiet_ms = executor.heard_ms.map(|heard_ms| facts.now_ms.saturating_sub(heard_ms));
        let (kind, text) = match (executor.presence, quiet_ms) {
            // One that is gone for a day is no news.
            (Presence::Gone, Some(quiet_ms)) if quiet_ms > GONE_NEWS_MS => continue,
            (Presence::Silent | Presence::Gone, Some(quiet_ms)) => {
                let quiet = span(quiet_ms);
                let name = &executor.name;
                (
                    "EXECUTOR_SILENT",
                    format!("executor `{name}` of type `{executor_type}` has not been heard for {quiet}"),
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

fn of_notice(notice: &Notice) -> Finding {
    Finding {
        kind: notice.kind,
        text: notice.text.clone(),
        subject: notice.subject.clone(),
        count: i64::try_from(notice.count).unwrap_or(i64::MAX),
        since_ms: Some(notice.since_ms),
    }
}

/// Work that has waited for long, and nobody is there to take it.
pub(super) fn unattended(waiting: &WaitingType, facts: &Facts<'_>) -> Option<Finding> {
    let waited_ms = facts.now_ms.saturating_sub(waiting.since_ms);
    let listens = |(executor_type, executor): &(String, Candidate)| {
        *executor_type == waiting.executor_type
            && matches!(executor.presence, Presence::Idle | Presence::Busy | Presence::Draining)
    };
    if waited_ms < facts.unattended_after_ms || facts.executors.iter().any(listens) {
        return None;
    }
    Some(Finding {
        kind: "UNATTENDED_TYPE",
        text: format!(
            "nobody listens for executor type `{}`: {} waiting, the first for {}; start an executor of that type",
            waiting.executor_type,
            waiting.count,
            span(waited_ms)
        ),
        subject: waiting.executor_type.clone(),
        count: waiting.count,
        since_ms: Some(waiting.since_ms),
    })
}
