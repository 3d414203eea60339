//! Explanations of why a process is not running, and why an executor gets no work: pure functions of the known facts, which decide as a
//! claim does. `docs/explain.md` lists the kinds.

mod executor;
mod words;

pub(in crate::engine) use executor::{ExecutorFacts, of_executor};
pub(in crate::engine) use words::{counted, is_paused, moment, span};

use apiary_identity::{Offer, Requirements};
use apiary_protocol::near::nearest;
use apiary_store::model::{ExplainReason, ExplainRecord, Pause, ProcessState};
use uuid::Uuid;

use self::words::{because, has, named, names_of, paused, reason, shortfalls, until, waits};
use crate::engine::presence::roster::ExecutorView;
use crate::engine::presence::state::Presence;

/// An executor of the type, with the properties that matter to waiting work.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Candidate {
    /// The executor's name.
    pub(in crate::engine) name: String,
    /// The state.
    pub(in crate::engine) presence: Presence,
    /// When it was last heard.
    pub(in crate::engine) heard_ms: Option<i64>,
    /// The labels and resources that it offers.
    pub(in crate::engine) offer: Offer,
    /// True if a grant of it, in force, covers the function.
    pub(in crate::engine) covers_function: bool,
    /// The number of leases that it holds.
    pub(in crate::engine) running: i64,
    /// The number of leases that it can hold; `None` if it does not say.
    pub(in crate::engine) slots: Option<i64>,
    /// The functions that it announces.
    pub(in crate::engine) functions: Vec<String>,
}

/// The facts that decide which executors may have a process.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Demand<'f> {
    /// The executor type.
    pub(in crate::engine) executor_type: &'f str,
    /// The function to execute.
    pub(in crate::engine) function: &'f str,
    /// The only executors that may have it, by name; empty for all.
    pub(in crate::engine) executor_names: &'f [String],
    /// The requirements on its executor.
    pub(in crate::engine) requires: &'f Requirements,
}

impl Candidate {
    /// Returns an executor as it is now.
    pub(in crate::engine) fn of(view: &ExecutorView, covers_function: bool) -> Self {
        let record = &view.record;
        Self {
            name: record.name.clone(),
            presence: view.presence,
            heard_ms: record.last_heard_ms,
            offer: record.offer.clone(),
            covers_function,
            running: record.running,
            slots: record.slots,
            functions: record.functions.iter().map(|function| function.name.clone()).collect(),
        }
    }

    /// True if work for executors of these names, or of any if there are none, may go to it.
    fn is_meant(&self, executor_names: &[String]) -> bool {
        executor_names.is_empty() || executor_names.contains(&self.name)
    }

    /// Returns the number of processes that it works on at once; one if it does not say.
    fn slots(&self) -> i64 {
        self.slots.unwrap_or(1)
    }

    /// Returns the number of further processes that it takes.
    fn places(&self) -> i64 {
        self.slots().saturating_sub(self.running).max(0)
    }
}

/// A limit that counts a process.
#[derive(Clone, Debug)]
pub(in crate::engine) struct LimitUsage {
    /// `concurrency key`, `executor type`, `function` or `rate key`.
    pub(in crate::engine) kind: &'static str,
    /// The key or name.
    pub(in crate::engine) key: String,
    /// The number of running processes, and the most that may run; `None` without such a limit.
    pub(in crate::engine) places: Option<(i64, i64)>,
    /// The processes that hold the places.
    pub(in crate::engine) holders: Vec<Uuid>,
    /// The time of the next start by the rate, if none is allowed now.
    pub(in crate::engine) next_start_ms: Option<i64>,
}

/// The known facts about one process.
pub(in crate::engine) struct Facts<'f> {
    /// The process.
    pub(in crate::engine) process: &'f ExplainRecord,
    /// The pauses of its colony.
    pub(in crate::engine) pauses: &'f [Pause],
    /// The executors of its type.
    pub(in crate::engine) executors: &'f [Candidate],
    /// The limits that count it.
    pub(in crate::engine) limits: &'f [LimitUsage],
    /// The number of its parents that are left out, because the caller sees only processes of its own.
    pub(in crate::engine) hidden_parents: usize,
    /// The time.
    pub(in crate::engine) now_ms: i64,
}

impl Facts<'_> {
    fn need(&self) -> Demand<'_> {
        let process = self.process;
        Demand {
            executor_type: &process.summary.executor_type,
            function: &process.summary.function,
            executor_names: &process.executor_names,
            requires: &process.requires,
        }
    }
}

/// Returns every reason that holds a process, the most important first. A process that could run now has only its place in the queue.
pub(in crate::engine) fn of_process(facts: &Facts<'_>) -> Vec<ExplainReason> {
    let summary = &facts.process.summary;
    match summary.state {
        ProcessState::Waiting => waiting(facts),
        ProcessState::Blocked => {
            let mut reasons = blocked(facts);
            // The next obstacles as well, so that no operator waits for the end of a block after which nothing happens.
            reasons.extend(pauses(facts));
            reasons.extend(nobody(facts.need(), facts.executors, facts.now_ms));
            reasons
        }
        ProcessState::Running => vec![leased(facts)],
        ProcessState::Succeeded => vec![ended(facts, "SUCCEEDED", "it has succeeded".to_owned())],
        ProcessState::DeadLetter => {
            let why = summary.reason.as_deref().unwrap_or("no reason was kept");
            let text = format!(
                "it is a dead letter after {}: {why}; `apiary process redrive` tries it again, `apiary process discard` gives it up",
                counted(i64::from(summary.attempt), "attempt", "attempts")
            );
            vec![ended(facts, "DEAD_LETTER", text)]
        }
        ProcessState::Failed | ProcessState::Cancelled => {
            let by = summary.ended_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = because(summary.reason.as_deref());
            let (kind, word) = match summary.state {
                ProcessState::Cancelled => ("CANCELLED", "was cancelled"),
                _ if summary.ended_by.is_some() => ("FAILED", "was given up"),
                _ => ("FAILED", "has failed"),
            };
            vec![ended(facts, kind, format!("it {word}{by}{why}"))]
        }
    }
}

fn waiting(facts: &Facts<'_>) -> Vec<ExplainReason> {
    let mut reasons: Vec<ExplainReason> = pauses(facts).collect();
    reasons.extend(nobody(facts.need(), facts.executors, facts.now_ms));
    reasons.extend(facts.limits.iter().filter_map(|limit| full(limit, facts.now_ms)));
    reasons.push(queued(facts));
    reasons.extend(max_wait(facts));
    reasons
}

fn max_wait(facts: &Facts<'_>) -> Option<ExplainReason> {
    let process = facts.process;
    let paused_since_ms = covering(facts).map(|pause| pause.since_ms).min();
    let (text, time_ms) = match (process.wait_left_ms, process.wait_deadline_ms, paused_since_ms) {
        (Some(left_ms), ..) => (stands_still(left_ms), None),
        (None, Some(deadline_ms), Some(paused_ms)) => {
            let stands_ms = paused_ms.max(process.summary.since_ms).min(facts.now_ms);
            (stands_still(deadline_ms.saturating_sub(stands_ms)), None)
        }
        (None, Some(deadline_ms), None) => {
            let when = until(facts.now_ms, deadline_ms);
            (format!("it fails {when} unless it is claimed before: its `max_wait`"), Some(deadline_ms))
        }
        (None, None, _) => return None,
    };
    Some(ExplainReason { kind: "MAX_WAIT", text, time_ms, ..ExplainReason::default() })
}

fn stands_still(left_ms: i64) -> String {
    format!("its `max_wait` stands still while it is paused, with {} left", span(left_ms))
}

/// Returns the pauses that hold it.
fn covering<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f Pause> {
    let summary = &facts.process.summary;
    facts.pauses.iter().filter(|pause| pause.what.covers(&summary.executor_type, &summary.function))
}

fn pauses<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = ExplainReason> + 'f {
    covering(facts).map(|pause| ExplainReason {
        kind: "PAUSED",
        text: paused(pause),
        subjects: vec![pause.what.kind.as_str().to_owned(), pause.what.name.clone()],
        time_ms: Some(pause.since_ms),
        ..ExplainReason::default()
    })
}

/// Returns the reason why no executor takes a process: each step rules some out, and the first that leaves none is the reason.
pub(in crate::engine) fn nobody(need: Demand<'_>, executors: &[Candidate], now_ms: i64) -> Option<ExplainReason> {
    let Demand { executor_type, function, executor_names, requires } = need;
    let granted: Vec<&Candidate> = executors.iter().filter(|one| is_granted(one.presence)).collect();
    if granted.is_empty() {
        return Some(nobody_granted(executor_type, executors));
    }
    let aimed: Vec<&Candidate> = granted.iter().filter(|one| one.is_meant(executor_names)).copied().collect();
    if aimed.is_empty() {
        let text = format!(
            "it is for {} alone, and there is no such executor of type `{executor_type}`",
            named(executor_names)
        );
        return Some(reason("NAMED_EXECUTOR_UNKNOWN", text, executor_names.to_vec()));
    }
    let live: Vec<&Candidate> = aimed.iter().filter(|one| one.presence.is_live()).copied().collect();
    if live.is_empty() {
        let heard = aimed.iter().filter_map(|one| one.heard_ms).max();
        let last = heard.map_or_else(
            || "none of them has been seen yet".to_owned(),
            |heard_ms| format!("the last one was seen {} ago", span(now_ms.saturating_sub(heard_ms))),
        );
        let names = names_of(&aimed);
        let whose = if executor_names.is_empty() { "no executor" } else { "none of the named executors" };
        let text = format!("{whose} of type `{executor_type}` is there ({}): {last}", named(&names));
        return Some(ExplainReason { time_ms: heard, ..reason("NO_LIVE_EXECUTOR", text, names) });
    }
    let covering: Vec<&Candidate> = live.iter().filter(|one| one.covers_function).copied().collect();
    if covering.is_empty() {
        let names = names_of(&live);
        let text =
            format!("no grant of {} covers function `{function}`: grant it{}", named(&names), meant(function, &live));
        return Some(reason("FUNCTION_NOT_GRANTED", text, names));
    }
    let fitting: Vec<&Candidate> = covering.iter().filter(|one| requires.is_met_by(&one.offer)).copied().collect();
    if fitting.is_empty() {
        let names = names_of(&covering);
        let gone = aimed.iter().filter(|one| one.presence == Presence::Gone && requires.is_met_by(&one.offer));
        let gone: Vec<&Candidate> = gone.copied().collect();
        let had = match gone.as_slice() {
            [] => String::new(),
            _ => format!("; {} had it, and is gone", named(&names_of(&gone))),
        };
        let text = format!("no executor has what it requires: {}{had}", shortfalls(requires, &covering));
        return Some(reason("REQUIREMENTS_UNMET", text, names));
    }
    let taking: Vec<&Candidate> = fitting.iter().filter(|one| one.presence != Presence::Draining).copied().collect();
    if taking.is_empty() {
        let names = names_of(&fitting);
        let text =
            format!("all that could take it are being drained ({}): `apiary executor drain NAME --off`", named(&names));
        return Some(reason("DRAINING", text, names));
    }
    if taking.iter().all(|one| one.places() == 0) {
        let names = names_of(&taking);
        let text = format!("all that could take it are at work ({}); one that is free takes it at once", named(&names));
        return Some(reason("EXECUTORS_BUSY", text, names));
    }
    if taking.iter().all(|one| one.presence == Presence::Silent || one.places() == 0) {
        let silent: Vec<&Candidate> = taking.iter().filter(|one| one.presence == Presence::Silent).copied().collect();
        let names = names_of(&silent);
        let text = format!("{} could take it and {} not been seen for a while", named(&names), has(&names));
        return Some(reason("EXECUTORS_SILENT", text, names));
    }
    None
}

/// Returns the reason for a type without a grant in force: the executor to approve, to grant again, or to start.
fn nobody_granted(executor_type: &str, executors: &[Candidate]) -> ExplainReason {
    let those = |presence| names_of(&executors.iter().filter(|one| one.presence == presence).collect::<Vec<_>>());
    let (pending, removed) = (those(Presence::Pending), those(Presence::Removed));
    let (text, names) = match (pending.as_slice(), removed.as_slice()) {
        ([], []) => ("is known: start one, and grant its key the type".to_owned(), Vec::new()),
        ([], names) => {
            let were = if names.len() == 1 { "was" } else { "were" };
            let text = format!(
                "has a grant any more: {} {were} removed, or the grant is over; add it again with `apiary grant add` and its key \
                 (`apiary executor list` shows the key), or start another one",
                named(names)
            );
            (text, removed)
        }
        (names, _) => {
            (format!("is known: {} waits for approval: `apiary executor approve NAME`", named(names)), pending)
        }
    };
    reason("NO_EXECUTOR", format!("no executor of type `{executor_type}` {text}"), names)
}

/// Returns a reason if no executor that may take a process announces its function; it is handed out all the same.
pub(in crate::engine) fn unknown_function(need: Demand<'_>, executors: &[Candidate]) -> Option<ExplainReason> {
    let able: Vec<&Candidate> = executors.iter().filter(|one| one.presence.is_live() && one.covers_function).collect();
    let may_know =
        |one: &&Candidate| one.functions.is_empty() || one.functions.iter().any(|name| name == need.function);
    if able.is_empty() || able.iter().any(may_know) {
        return None;
    }
    let (function, names) = (need.function, names_of(&able));
    let text = format!(
        "{} may do function `{function}`, and none announces it: `apiary function list` shows what they do{}",
        named(&names),
        meant(function, &able)
    );
    Some(reason("FUNCTION_UNKNOWN", text, names))
}

/// Formats a suggestion for a misspelt function, as the end of a sentence.
fn meant(function: &str, executors: &[&Candidate]) -> String {
    let known = executors.iter().flat_map(|one| one.functions.iter().map(String::as_str));
    nearest(function, known).map_or_else(String::new, |name| format!("; is `{name}` meant?"))
}

/// Estimates the wait of a process for its turn, if nothing else holds it: the work ahead of it, times the recent duration of the type's
/// work, over the places of the executors that could take it. The estimate is high: some of the work ahead may be for other executors.
pub(in crate::engine) fn estimated_wait_ms(facts: &Facts<'_>) -> Option<i64> {
    let process = facts.process;
    let is_held =
        covering(facts).next().is_some() || facts.limits.iter().any(|limit| full(limit, facts.now_ms).is_some());
    if process.summary.state != ProcessState::Waiting || is_held {
        return None;
    }
    let takes = |one: &&Candidate| {
        matches!(one.presence, Presence::Idle | Presence::Busy)
            && one.is_meant(&process.executor_names)
            && one.covers_function
            && process.requires.is_met_by(&one.offer)
    };
    let sum = |places: fn(&Candidate) -> i64| {
        facts.executors.iter().filter(takes).map(places).fold(0_i64, i64::saturating_add)
    };
    let (all, free) = (sum(Candidate::slots), sum(Candidate::places));
    let turn = process.ahead.saturating_add(1).saturating_sub(free).max(0);
    match (all, turn, process.run_ms_mean) {
        (0, _, _) => None,
        (_, 0, _) => Some(0),
        (_, _, run_ms) => run_ms.map(|run_ms| turn.saturating_mul(run_ms) / all),
    }
}

fn full(limit: &LimitUsage, now_ms: i64) -> Option<ExplainReason> {
    let (kind, key) = (limit.kind, &limit.key);
    if let Some((running, most)) = limit.places.filter(|(running, most)| running >= most) {
        return Some(ExplainReason {
            kind: "CONCURRENCY_LIMIT",
            text: format!("{kind} `{key}`: {running} of {most} run already"),
            subjects: vec![key.clone()],
            process_ids: limit.holders.clone(),
            used: running,
            limit: most,
            ..ExplainReason::default()
        });
    }
    let next_ms = limit.next_start_ms.filter(|next_ms| *next_ms > now_ms)?;
    Some(ExplainReason {
        kind: "RATE_LIMIT",
        text: format!("{kind} `{key}`: the next may start {}", until(now_ms, next_ms)),
        subjects: vec![key.clone()],
        time_ms: Some(next_ms),
        ..ExplainReason::default()
    })
}

fn queued(facts: &Facts<'_>) -> ExplainReason {
    let ahead = facts.process.ahead;
    let text = match ahead {
        0 => "it is the first in the queue of its type".to_owned(),
        _ if facts.process.more_ahead => format!("more than {} before it in the queue of its type", waits(ahead)),
        _ => format!("{} before it in the queue of its type", waits(ahead)),
    };
    ExplainReason {
        kind: "QUEUED",
        text,
        time_ms: Some(facts.process.summary.since_ms),
        used: ahead.saturating_add(1),
        ..ExplainReason::default()
    }
}

fn blocked(facts: &Facts<'_>) -> Vec<ExplainReason> {
    let summary = &facts.process.summary;
    if summary.blocked_cause.as_deref() == Some("parents") {
        let early = summary.until_ms.map(|until_ms| blocked_until(facts, until_ms, Some("not_before")));
        return std::iter::once(waits_for(&facts.process.parents, facts.hidden_parents)).chain(early).collect();
    }
    vec![blocked_until(facts, summary.until_ms.unwrap_or(0), summary.blocked_cause.as_deref())]
}

fn waits_for(parents: &[(Uuid, Option<ProcessState>)], hidden: usize) -> ExplainReason {
    let named = |(process_id, state): &(Uuid, Option<ProcessState>)| {
        format!("{process_id} ({})", state.map_or("deleted", ProcessState::as_str))
    };
    let mut shown: Vec<String> = parents.iter().map(named).collect();
    if hidden > 0 {
        shown.push(format!("{hidden} not shown, which this key did not submit"));
    }
    let has_failed = |(_, state): &(Uuid, Option<ProcessState>)| {
        matches!(state, Some(ProcessState::Failed | ProcessState::DeadLetter))
    };
    let advice = match parents.iter().any(has_failed) {
        true => "; redrive what failed, or cancel this one",
        false => "",
    };
    let count = parents.len().saturating_add(hidden);
    ExplainReason {
        kind: "WAITS_FOR_PARENTS",
        text: format!(
            "it waits for {} to succeed: {}{advice}",
            counted(i64::try_from(count).unwrap_or(i64::MAX), "parent", "parents"),
            shown.join(", ")
        ),
        subjects: parents.iter().map(|(_, state)| state.map_or("deleted", ProcessState::as_str).to_owned()).collect(),
        process_ids: parents.iter().map(|(process_id, _)| *process_id).collect(),
        ..ExplainReason::default()
    }
}

fn blocked_until(facts: &Facts<'_>, until_ms: i64, cause: Option<&str>) -> ExplainReason {
    let summary = &facts.process.summary;
    let when = until(facts.now_ms, until_ms);
    let (kind, text) = match cause {
        Some("not_before") => ("NOT_BEFORE", format!("it may not start before {}, which is {when}", moment(until_ms))),
        Some(cause @ ("snooze" | "surroundings")) => {
            let kind = if cause == "snooze" { "SNOOZED" } else { "WAITS_ON_SURROUNDINGS" };
            let why = because(summary.reason.as_deref());
            (kind, format!("its executor gave it back, to be taken again {when}{why}"))
        }
        _ => {
            let why = summary.reason.as_deref().unwrap_or("no reason was kept");
            let text = format!("attempt {} failed ({why}); the next may begin {when}", summary.attempt);
            ("BACKING_OFF", text)
        }
    };
    ExplainReason { kind, text, time_ms: Some(until_ms), ..ExplainReason::default() }
}

fn leased(facts: &Facts<'_>) -> ExplainReason {
    let summary = &facts.process.summary;
    let executor = summary.executor.as_deref().unwrap_or("somebody");
    let expires_ms = summary.until_ms.unwrap_or(0);
    let renewed = facts.process.renewed_at_ms.unwrap_or(summary.since_ms);
    let mut text = format!(
        "it runs at {executor} since {}, attempt {}; the lease was renewed {} ago and ends {} unless it is renewed",
        moment(summary.since_ms),
        summary.attempt,
        span(facts.now_ms.saturating_sub(renewed)),
        until(facts.now_ms, expires_ms)
    );
    let mut kind = "LEASED";
    if let Some(deadline_ms) = summary.cancel_deadline_ms {
        kind = "CANCELLING";
        let by = summary.ended_by.as_deref().unwrap_or("somebody");
        let why = because(summary.reason.as_deref());
        text = format!("{by} cancels it{why}; it ends {} at the latest; {text}", until(facts.now_ms, deadline_ms));
    }
    ExplainReason {
        kind,
        text,
        subjects: vec![executor.to_owned()],
        time_ms: Some(expires_ms),
        ..ExplainReason::default()
    }
}

fn ended(facts: &Facts<'_>, kind: &'static str, text: String) -> ExplainReason {
    ExplainReason { kind, text, time_ms: Some(facts.process.summary.since_ms), ..ExplainReason::default() }
}

fn is_granted(presence: Presence) -> bool {
    !matches!(presence, Presence::Pending | Presence::Rejected | Presence::Removed)
}
