//! Explanations of why an executor gets no work.

use apiary_store::model::{ExplainReason, Pause, PauseKind, WaitingGroup};

use super::Candidate;
use super::words::{counted, named, paused, shortfalls, span, waits};
use crate::engine::presence::state::Presence;

/// An executor, with the facts that decide whether it gets work.
pub(in crate::engine) struct ExecutorFacts<'f> {
    /// The executor; `covers_function` does not matter.
    pub(in crate::engine) executor: &'f Candidate,
    /// The executor type.
    pub(in crate::engine) executor_type: &'f str,
    /// The waiting work of its type.
    pub(in crate::engine) waiting: &'f [WaitingGroup],
    /// The pauses of its colony.
    pub(in crate::engine) pauses: &'f [Pause],
    /// The check that its grants cover a function.
    pub(in crate::engine) covers: &'f dyn Fn(&str) -> bool,
    /// The check that a limit holds back a sort of waiting work.
    pub(in crate::engine) is_held: &'f dyn Fn(&WaitingGroup) -> bool,
    /// The time.
    pub(in crate::engine) now_ms: i64,
}

/// Returns every reason why an executor gets no work, the most important first; the count is that of the waiting processes. None if it
/// is being served.
pub(in crate::engine) fn of_executor(asker: &ExecutorFacts<'_>) -> Vec<ExplainReason> {
    let (executor, executor_type) = (asker.executor, asker.executor_type);
    let one = |kind, text: String| vec![ExplainReason { kind, text, ..ExplainReason::default() }];
    match executor.presence {
        Presence::Pending => {
            return one(
                "NOT_APPROVED",
                format!("its key has no grant yet: `apiary executor approve {}`", executor.name),
            );
        }
        Presence::Rejected => return one("REJECTED", "its registration was turned down".to_owned()),
        Presence::Removed => {
            let text = "its grants are revoked or over: register it with a new key, and approve that".to_owned();
            return one("REMOVED", text);
        }
        Presence::Silent | Presence::Gone => {
            let text = executor.heard_ms.map_or_else(
                || "it never asked for work: is it started, and does it reach the broker?".to_owned(),
                |heard_ms| {
                    let quiet = span(asker.now_ms.saturating_sub(heard_ms));
                    format!("it has not asked for work for {quiet}: is it running, and does it reach the broker?")
                },
            );
            return vec![ExplainReason { time_ms: executor.heard_ms, ..one("NOT_POLLING", text).remove(0) }];
        }
        Presence::Draining => {
            return one("DRAINED", format!("it is being drained: `apiary executor drain {} --off`", executor.name));
        }
        Presence::Idle | Presence::Busy => {}
    }
    let mut reasons = Vec::new();
    for pause in asker.pauses {
        // A pause of one function is reported with the work that waits for it.
        if pause.what.kind != PauseKind::Function && pause.what.covers(executor_type, "") {
            let text = paused(pause);
            reasons.push(ExplainReason {
                kind: "PAUSED",
                text,
                time_ms: Some(pause.since_ms),
                ..ExplainReason::default()
            });
        }
    }
    let mut tally = Tally::default();
    for sort in asker.waiting {
        tally.add(asker, sort);
    }
    if asker.waiting.is_empty() {
        reasons.extend(one("NOTHING_WAITS", format!("nothing waits for executor type `{executor_type}`")));
    } else if tally.free == 0 {
        reasons.extend(tally.reasons());
    } else if reasons.is_empty() && executor.places() == 0 {
        let text = format!("it is at work; {} for it when it asks again", waits(tally.free));
        reasons.extend(one("BUSY", text));
    }
    reasons
}

/// Counts of waiting processes by the reason why they are not for an executor.
#[derive(Default)]
struct Tally {
    free: i64,
    others: i64,
    not_granted: i64,
    unmet: i64,
    paused: i64,
    held: i64,
    functions: Vec<String>,
    example: Option<String>,
}

impl Tally {
    fn add(&mut self, asker: &ExecutorFacts<'_>, sort: &WaitingGroup) {
        let paused = |pause: &Pause| pause.what.kind == PauseKind::Function && pause.what.name == sort.function;
        let counter = if !asker.executor.is_meant(&sort.executor_names) {
            &mut self.others
        } else if !(asker.covers)(&sort.function) {
            self.functions.push(sort.function.clone());
            &mut self.not_granted
        } else if !sort.requires.is_met_by(&asker.executor.offer) {
            self.example.get_or_insert_with(|| shortfalls(&sort.requires, &[asker.executor]));
            &mut self.unmet
        } else if asker.pauses.iter().any(paused) {
            &mut self.paused
        } else if (asker.is_held)(sort) {
            &mut self.held
        } else {
            &mut self.free
        };
        *counter = counter.saturating_add(sort.count);
    }

    fn reasons(mut self) -> impl Iterator<Item = ExplainReason> {
        self.functions.sort_unstable();
        self.functions.dedup();
        let functions = named(&self.functions);
        let example = self.example.unwrap_or_default();
        let all = [
            ("REQUIREMENTS_UNMET", self.unmet, format!("require more than it offers: {example}")),
            (
                "FUNCTION_NOT_GRANTED",
                self.not_granted,
                format!("are of functions that its grant does not cover: {functions}"),
            ),
            ("FOR_OTHERS", self.others, "are for executors of other names".to_owned()),
            ("FUNCTION_PAUSED", self.paused, "are of functions that are paused".to_owned()),
            ("LIMITED", self.held, "are held by a limit: `apiary limit list`".to_owned()),
        ];
        all.into_iter().filter(|(_, count, _)| *count > 0).map(|(kind, count, what)| ExplainReason {
            kind,
            text: format!("{} that {what}", counted(count, "waiting process", "waiting processes")),
            used: count,
            ..ExplainReason::default()
        })
    }
}
