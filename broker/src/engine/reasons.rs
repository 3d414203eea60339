//! Why a process is not running, and why an executor gets no work: pure functions of what is known, which decide as a claim does.
//! `docs/explain.md` lists the kinds.

use apiary_identity::{Offer, Requirements};
use jiff::{SignedDuration, Timestamp};

use super::presence::Presence;
use crate::model::{ExplainRecord, Explained, Pause, PauseKind, ProcessState, WaitingSort};

/// Executors, functions or processes named in one sentence, at the most.
const NAMED_MAX: usize = 5;

/// An executor of the type, as far as it matters to waiting work.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Its name.
    pub(super) name: String,
    /// Its state.
    pub(super) presence: Presence,
    /// When it was heard last.
    pub(super) heard_ms: Option<i64>,
    /// What it offers.
    pub(super) offer: Offer,
    /// Whether a grant of it, in force, covers the function.
    pub(super) covers_function: bool,
}

/// A limit that counts a process.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// `concurrency key`, `executor type`, `function` or `rate key`.
    pub(super) kind: &'static str,
    /// The key or name.
    pub(super) key: String,
    /// How many run, and how many may; `None` without such a limit.
    pub(super) places: Option<(i64, i64)>,
    /// Who holds the places.
    pub(super) holders: Vec<uuid::Uuid>,
    /// When the next may start by the rate, if it may not now.
    pub(super) next_start_ms: Option<i64>,
}

/// All that is known about one process.
pub(super) struct Facts<'f> {
    /// The process.
    pub(super) process: &'f ExplainRecord,
    /// What is paused in its colony.
    pub(super) pauses: &'f [Pause],
    /// The executors of its type.
    pub(super) executors: &'f [Candidate],
    /// The limits that count it.
    pub(super) limits: &'f [Counted],
    /// The time.
    pub(super) now_ms: i64,
}

/// Every reason that holds a process, the most important first. One that could run this moment has none but its place.
pub(super) fn of_process(facts: &Facts<'_>) -> Vec<Explained> {
    let summary = &facts.process.summary;
    match summary.state {
        ProcessState::Waiting => waiting(facts),
        ProcessState::Blocked => {
            let mut reasons = vec![blocked(facts)];
            // What would hold it next, so that nobody waits for a time after which nothing happens.
            reasons.extend(pauses(facts));
            reasons.extend(nobody(facts));
            reasons
        }
        ProcessState::Running => vec![leased(facts)],
        ProcessState::Succeeded => vec![ended(facts, "SUCCEEDED", "it has succeeded".to_owned())],
        ProcessState::DeadLetter => {
            let why = summary.reason.as_deref().unwrap_or("no reason was kept");
            let text = format!(
                "it is a dead letter after {}: {why}; `apiary process redrive` tries it again, `apiary process discard` gives it up",
                counted(i64::from(summary.attempt), "attempt")
            );
            vec![ended(facts, "DEAD_LETTER", text)]
        }
        ProcessState::Failed | ProcessState::Cancelled => {
            let by = summary.ended_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let why = summary.reason.as_deref().unwrap_or("no reason was kept");
            let (kind, word) = match summary.state {
                ProcessState::Cancelled => ("CANCELLED", "was cancelled"),
                _ => ("FAILED", "has failed"),
            };
            vec![ended(facts, kind, format!("it {word}{by}: {why}"))]
        }
    }
}

fn waiting(facts: &Facts<'_>) -> Vec<Explained> {
    let mut reasons: Vec<Explained> = pauses(facts).collect();
    reasons.extend(nobody(facts));
    reasons.extend(facts.limits.iter().filter_map(|limit| full(limit, facts.now_ms)));
    reasons.push(queued(facts));
    if let Some(deadline_ms) = facts.process.wait_deadline_ms {
        reasons.push(Explained {
            kind: "MAX_WAIT",
            text: format!("it fails {} unless it is claimed before: its `max_wait`", until(facts.now_ms, deadline_ms)),
            time_ms: Some(deadline_ms),
            ..Explained::default()
        });
    }
    reasons
}

fn pauses<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Explained> + 'f {
    let summary = &facts.process.summary;
    facts.pauses.iter().filter_map(move |pause| {
        let what = match pause.what.kind {
            PauseKind::Colony => "the colony".to_owned(),
            PauseKind::ExecutorType if pause.what.name == summary.executor_type => {
                format!("executor type `{}`", pause.what.name)
            }
            PauseKind::Function if pause.what.name == summary.function => format!("function `{}`", pause.what.name),
            PauseKind::ExecutorType | PauseKind::Function => return None,
        };
        let why = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
        Some(Explained {
            kind: "PAUSED",
            text: format!("{what} is paused by {} since {}{why}", pause.by, moment(pause.since_ms)),
            subjects: vec![pause.what.kind.as_str().to_owned(), pause.what.name.clone()],
            time_ms: Some(pause.since_ms),
            ..Explained::default()
        })
    })
}

/// Why no executor takes it: each step leaves fewer of them, and the first that leaves none is the reason.
fn nobody(facts: &Facts<'_>) -> Option<Explained> {
    let process = facts.process;
    let (executor_type, function) = (&process.summary.executor_type, &process.summary.function);
    let granted: Vec<&Candidate> = facts.executors.iter().filter(|one| is_granted(one.presence)).collect();
    if granted.is_empty() {
        let pending = facts.executors.iter().filter(|one| one.presence == Presence::Pending);
        let pending: Vec<String> = pending.map(|one| one.name.clone()).collect();
        let hint = match pending.as_slice() {
            [] => "start one, and grant its key the type".to_owned(),
            names => format!("{} waits for approval: `apiary executor approve`", named(names)),
        };
        return Some(reason("NO_EXECUTOR", format!("no executor of type `{executor_type}` is known: {hint}"), pending));
    }
    let aimed: Vec<&Candidate> = granted
        .iter()
        .filter(|one| process.executor_names.is_empty() || process.executor_names.contains(&one.name))
        .copied()
        .collect();
    if aimed.is_empty() {
        let names = &process.executor_names;
        let text = format!("it is for {} alone, and there is no such executor of type `{executor_type}`", named(names));
        return Some(reason("NAMED_EXECUTOR_UNKNOWN", text, names.clone()));
    }
    let live: Vec<&Candidate> = aimed.iter().filter(|one| one.presence.is_live()).copied().collect();
    if live.is_empty() {
        let heard = aimed.iter().filter_map(|one| one.heard_ms).max();
        let last = heard.map_or_else(
            || "none of them was ever heard".to_owned(),
            |heard_ms| format!("the last was heard {} ago", span(facts.now_ms.saturating_sub(heard_ms))),
        );
        let names = names_of(&aimed);
        let whose = if process.executor_names.is_empty() { "no executor" } else { "none of the named executors" };
        let text = format!("{whose} of type `{executor_type}` is there ({}): {last}", named(&names));
        return Some(Explained { time_ms: heard, ..reason("NO_LIVE_EXECUTOR", text, names) });
    }
    let covering: Vec<&Candidate> = live.iter().filter(|one| one.covers_function).copied().collect();
    if covering.is_empty() {
        let names = names_of(&live);
        let text = format!("no grant of {} covers function `{function}`: grant it", named(&names));
        return Some(reason("FUNCTION_NOT_GRANTED", text, names));
    }
    let fitting: Vec<&Candidate> =
        covering.iter().filter(|one| process.requires.is_met_by(&one.offer)).copied().collect();
    if fitting.is_empty() {
        let names = names_of(&covering);
        let text = format!("no executor has what it requires: {}", shortfalls(&process.requires, &covering));
        return Some(reason("REQUIREMENTS_UNMET", text, names));
    }
    let taking: Vec<&Candidate> = fitting.iter().filter(|one| one.presence != Presence::Draining).copied().collect();
    if taking.is_empty() {
        let names = names_of(&fitting);
        let text =
            format!("all that could take it are being drained ({}): `apiary executor drain --off`", named(&names));
        return Some(reason("DRAINING", text, names));
    }
    if taking.iter().all(|one| one.presence == Presence::Busy) {
        let names = names_of(&taking);
        let text = format!("all that could take it are at work ({}); one that is free takes it at once", named(&names));
        return Some(reason("EXECUTORS_BUSY", text, names));
    }
    if taking.iter().all(|one| matches!(one.presence, Presence::Silent | Presence::Busy)) {
        let silent: Vec<&Candidate> = taking.iter().filter(|one| one.presence == Presence::Silent).copied().collect();
        let names = names_of(&silent);
        let text = format!("{} could take it and {} not been heard for a while", named(&names), has(&names));
        return Some(reason("EXECUTORS_SILENT", text, names));
    }
    None
}

fn full(limit: &Counted, now_ms: i64) -> Option<Explained> {
    let (kind, key) = (limit.kind, &limit.key);
    if let Some((running, most)) = limit.places.filter(|(running, most)| running >= most) {
        return Some(Explained {
            kind: "CONCURRENCY_LIMIT",
            text: format!("{kind} `{key}`: {running} of {most} run already"),
            subjects: vec![key.clone()],
            process_ids: limit.holders.clone(),
            used: running,
            limit: most,
            ..Explained::default()
        });
    }
    let next_ms = limit.next_start_ms.filter(|next_ms| *next_ms > now_ms)?;
    Some(Explained {
        kind: "RATE_LIMIT",
        text: format!("{kind} `{key}`: the next may start {}", until(now_ms, next_ms)),
        subjects: vec![key.clone()],
        time_ms: Some(next_ms),
        ..Explained::default()
    })
}

fn queued(facts: &Facts<'_>) -> Explained {
    let ahead = facts.process.ahead;
    let text = match ahead {
        0 => "it is the first in the queue of its type".to_owned(),
        _ => format!("{} before it in the queue of its type", waits(ahead)),
    };
    Explained {
        kind: "QUEUED",
        text,
        time_ms: Some(facts.process.summary.since_ms),
        used: ahead.saturating_add(1),
        ..Explained::default()
    }
}

fn blocked(facts: &Facts<'_>) -> Explained {
    let summary = &facts.process.summary;
    let until_ms = summary.until_ms.unwrap_or(0);
    let when = until(facts.now_ms, until_ms);
    let (kind, text) = match summary.blocked_cause.as_deref() {
        Some("not_before") => ("NOT_BEFORE", format!("it may not start before {}, which is {when}", moment(until_ms))),
        Some("snooze") => ("SNOOZED", format!("its executor gave it back, to be taken again {when}")),
        _ => {
            let why = summary.reason.as_deref().unwrap_or("no reason was kept");
            let text = format!("attempt {} failed ({why}); the next may begin {when}", summary.attempt);
            ("BACKING_OFF", text)
        }
    };
    Explained { kind, text, time_ms: summary.until_ms, ..Explained::default() }
}

fn leased(facts: &Facts<'_>) -> Explained {
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
        text = format!("{by} cancels it, and it ends {} at the latest; {text}", until(facts.now_ms, deadline_ms));
    }
    Explained { kind, text, subjects: vec![executor.to_owned()], time_ms: Some(expires_ms), ..Explained::default() }
}

fn ended(facts: &Facts<'_>, kind: &'static str, text: String) -> Explained {
    Explained { kind, text, time_ms: Some(facts.process.summary.since_ms), ..Explained::default() }
}

/// An executor that asks why it gets nothing.
pub(super) struct Asker<'f> {
    /// The executor; `covers_function` does not matter.
    pub(super) executor: &'f Candidate,
    /// Its type.
    pub(super) executor_type: &'f str,
    /// What waits for its type.
    pub(super) waiting: &'f [WaitingSort],
    /// What is paused in its colony.
    pub(super) pauses: &'f [Pause],
    /// Which functions its grants cover.
    pub(super) covers: &'f dyn Fn(&str) -> bool,
    /// Which of the waiting ones a limit holds.
    pub(super) is_held: &'f dyn Fn(&WaitingSort) -> bool,
    /// The time.
    pub(super) now_ms: i64,
}

/// Every reason why an executor gets no work, the most important first; the count is that of the waiting processes. None if it is
/// being served.
pub(super) fn of_executor(asker: &Asker<'_>) -> Vec<Explained> {
    let (executor, executor_type) = (asker.executor, asker.executor_type);
    let one = |kind, text: String| vec![Explained { kind, text, ..Explained::default() }];
    match executor.presence {
        Presence::Pending => {
            return one("NOT_APPROVED", "its key has no grant yet: `apiary executor approve`".to_owned());
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
            return vec![Explained { time_ms: executor.heard_ms, ..one("NOT_POLLING", text).remove(0) }];
        }
        Presence::Draining => return one("DRAINED", "it is being drained: `apiary executor drain --off`".to_owned()),
        Presence::Idle | Presence::Busy => {}
    }
    let mut reasons = Vec::new();
    for pause in asker.pauses {
        let covers = match pause.what.kind {
            PauseKind::Colony => Some("the colony".to_owned()),
            PauseKind::ExecutorType => {
                (pause.what.name == executor_type).then(|| format!("executor type `{executor_type}`"))
            }
            PauseKind::Function => None,
        };
        if let Some(what) = covers {
            let text = format!("{what} is paused by {} since {}", pause.by, moment(pause.since_ms));
            reasons.push(Explained { kind: "PAUSED", text, time_ms: Some(pause.since_ms), ..Explained::default() });
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
    } else if reasons.is_empty() && executor.presence == Presence::Busy {
        let text = format!("it is at work; {} for it when it asks again", waits(tally.free));
        reasons.extend(one("BUSY", text));
    }
    reasons
}

/// Why each waiting process is not for an executor.
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
    fn add(&mut self, asker: &Asker<'_>, sort: &WaitingSort) {
        let paused = |pause: &Pause| pause.what.kind == PauseKind::Function && pause.what.name == sort.function;
        let counter = if !sort.executor_names.is_empty() && !sort.executor_names.contains(&asker.executor.name) {
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

    fn reasons(mut self) -> impl Iterator<Item = Explained> {
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
        all.into_iter().filter(|(_, count, _)| *count > 0).map(|(kind, count, what)| Explained {
            kind,
            text: format!("{} that {what}", counted(count, "waiting process")),
            used: count,
            ..Explained::default()
        })
    }
}

fn is_granted(presence: Presence) -> bool {
    !matches!(presence, Presence::Pending | Presence::Rejected | Presence::Removed)
}

fn reason(kind: &'static str, text: String, subjects: Vec<String>) -> Explained {
    Explained { kind, text, subjects, ..Explained::default() }
}

fn names_of(executors: &[&Candidate]) -> Vec<String> {
    let mut names: Vec<String> = executors.iter().map(|one| one.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Names in a sentence: the first few, and how many more there are.
fn named(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What those who come nearest lack.
fn shortfalls(requires: &Requirements, executors: &[&Candidate]) -> String {
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

fn counted(count: i64, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "waiting process") => format!("{count} waiting processes"),
        _ => format!("{count} {what}s"),
    }
}

fn waits(count: i64) -> String {
    if count == 1 { "1 process waits".to_owned() } else { format!("{count} processes wait") }
}

fn has(names: &[String]) -> &'static str {
    if names.len() == 1 { "has" } else { "have" }
}

/// A moment for people, to the second.
pub(super) fn moment(ms: i64) -> String {
    match Timestamp::from_second(ms.div_euclid(1000)) {
        Ok(moment) => moment.to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// How far a moment is away.
fn until(now_ms: i64, then_ms: i64) -> String {
    match then_ms.saturating_sub(now_ms) {
        left if left > 0 => format!("in {}", span(left)),
        _ => "now".to_owned(),
    }
}

/// A length of time for people, to the second.
pub(super) fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(999) / 1000;
    format!("{:#}", SignedDuration::from_secs(seconds))
}
