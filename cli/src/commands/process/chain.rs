//! Verifies the chain of one process on this machine, from the colony's key to the result. Unsigned statements of the
//! broker are compared with the signed ones.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_identity::chain::{verify_grant, verify_result, verify_spec};
use apiary_identity::{Envelope, Grant, Id, Outcome, OutcomeKind, Role, Spec};
use serde::Serialize;
use uuid::Uuid;

use super::view::{HIDDEN, state_word};

/// Number of attempts that a broker shows at least, if there are that many: three of the largest fit into an answer.
const SHOWN_MIN: usize = 3;

/// A link of the chain, with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    /// Name of the link: `colony`, `grant`, `spec`, `attempt 1` or `result`.
    pub(crate) link: String,
    /// True if the link is valid.
    pub(crate) holds: bool,
    /// True if the link was not checked, because the caller may not see it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
    /// Contents of the link, or its fault.
    pub(crate) words: String,
}

impl Link {
    fn new(link: impl Into<String>, checked: Result<String, String>) -> Self {
        let holds = checked.is_ok();
        let (Ok(words) | Err(words)) = checked;
        Self { link: link.into(), holds, hidden: false, words }
    }

    fn hidden(link: impl Into<String>, words: &str) -> Self {
        Self { link: link.into(), holds: false, hidden: true, words: words.to_owned() }
    }
}

/// Verifies every link of a process's chain, against the pinned colony.
pub(crate) fn examine(colony: &Id, process_id: Uuid, answer: &v1::GetProcessResponse) -> Vec<Link> {
    let process = answer.process.clone().unwrap_or_default();
    let grant = submitter(colony, answer, &process);
    if answer.payload_hidden {
        return examine_grants(colony, answer, grant);
    }
    let spec = spec(colony, process_id, answer, &process);
    let mut links = vec![
        Link::new("colony", Ok(format!("pinned to {colony}"))),
        Link::new("grant", grant),
        Link::new("spec", spec.as_ref().map(describe_spec).map_err(Clone::clone)),
    ];
    let mut outcomes = Vec::new();
    // Of very many attempts, the broker shows only the last.
    let hidden = answer.attempts.first().map_or(0, |first| first.attempt.saturating_sub(1).max(0));
    if hidden > 0 {
        links.push(Link::new("attempts", hidden_attempts(hidden, answer.attempts.len())));
    }
    for (index, attempt) in answer.attempts.iter().enumerate() {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX).saturating_add(hidden);
        let checked = check_attempt(colony, number, answer, attempt);
        let words = checked.as_ref().map(|outcome| describe_attempt(attempt, outcome.as_ref()));
        links.push(Link::new(format!("attempt {number}"), words.map_err(Clone::clone)));
        outcomes.push(checked);
    }
    links.push(Link::new("result", check_result(&process, answer, &outcomes)));
    links
}

/// Verifies the grants of a process whose spec and results the caller may not see.
fn examine_grants(colony: &Id, answer: &v1::GetProcessResponse, grant: Result<String, String>) -> Vec<Link> {
    let mut links = vec![
        Link::new("colony", Ok(format!("pinned to {colony}"))),
        Link::new("grant", grant),
        Link::hidden("spec", &format!("not checked, {HIDDEN}")),
    ];
    for attempt in &answer.attempts {
        let name = format!("attempt {}", attempt.attempt);
        links.push(match executor(colony, attempt) {
            Ok(executor) => Link::hidden(name, &format!("`{}` may run work; its result is {HIDDEN}", executor.name)),
            Err(words) => Link::new(name, Err(words)),
        });
    }
    links.push(Link::hidden("result", &format!("not checked, {HIDDEN}")));
    links
}

/// Judges the number of attempts that are not shown.
fn hidden_attempts(hidden: i32, shown: usize) -> Result<String, String> {
    if shown < SHOWN_MIN {
        return Err(format!("1 to {hidden} are not shown, and there would be room for {SHOWN_MIN}"));
    }
    Ok(format!("1 to {hidden} are not shown, and not checked"))
}

fn submitter(colony: &Id, answer: &v1::GetProcessResponse, process: &v1::Process) -> Result<String, String> {
    let grant = open_grant(colony, answer.submitter_grant.as_ref(), "the submitter")?;
    told("submitter", &process.submitter, &grant.name)?;
    Ok(format!("the colony made {} `{}` ({}), until {}", grant.role.as_str(), grant.name, grant.key, grant.valid_until))
}

fn spec(
    colony: &Id,
    process_id: Uuid,
    answer: &v1::GetProcessResponse,
    process: &v1::Process,
) -> Result<(Spec, Grant), String> {
    let (grant, spec) = (envelope(answer.submitter_grant.as_ref(), "grant")?, spec_envelope(answer)?);
    let verified = verify_spec(colony, &grant, &spec).map_err(|link| link.to_string())?;
    let spec = verified.spec;
    // The broker hands out work by these values, so they must equal the signed ones.
    told("process id", &process_id.to_string(), &spec.process_id.to_string())?;
    told("process id", &process.process_id, &spec.process_id.to_string())?;
    told("function", &process.function, &spec.function)?;
    told("executor type", &process.executor_type, &spec.executor_type)?;
    told("priority", &process.priority.to_string(), &spec.priority.to_string())?;
    if !process.labels.iter().eq(spec.labels.iter()) {
        return Err("the broker's labels differ from the signed ones".to_owned());
    }
    Ok((spec, verified.grant))
}

fn describe_spec((spec, grant): &(Spec, Grant)) -> String {
    format!("`{}` signed {} for {}, process {}", grant.name, spec.function, spec.executor_type, spec.process_id)
}

/// Verifies one attempt; returns its signed outcome, if there is one.
fn check_attempt(
    colony: &Id,
    number: i32,
    answer: &v1::GetProcessResponse,
    attempt: &v1::Attempt,
) -> Result<Option<Outcome>, String> {
    if attempt.attempt != number {
        return Err(format!("the broker shows attempt {} in place of attempt {number}", attempt.attempt));
    }
    executor(colony, attempt)?;
    let Some(result) = attempt.result.as_ref() else {
        return match attempt.outcome.as_str() {
            "succeeded" | "failed" | "refused" => {
                Err(format!("it {}, says the broker, and no result shows it", attempt.outcome))
            }
            _ => Ok(None),
        };
    };
    let (grant, result) = (envelope(attempt.executor_grant.as_ref(), "grant")?, envelope(Some(result), "result")?);
    let outcome =
        verify_result(colony, &grant, &spec_envelope(answer)?, number, &result).map_err(|link| link.to_string())?;
    told("outcome", &attempt.outcome, ending(outcome.outcome))?;
    told("reason", &attempt.reason, outcome.failure.as_deref().unwrap_or_default())?;
    Ok(Some(outcome))
}

/// Verifies the grant of an attempt's executor.
fn executor(colony: &Id, attempt: &v1::Attempt) -> Result<Grant, String> {
    let grant = open_grant(colony, attempt.executor_grant.as_ref(), "the executor")?;
    if grant.role != Role::Executor {
        return Err(format!("`{}` is {}, and only executors run work", grant.name, grant.role.as_str()));
    }
    told("executor", &attempt.executor, &grant.name)?;
    Ok(grant)
}

fn describe_attempt(attempt: &v1::Attempt, outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(outcome) => {
            format!("`{}` signed {} at {}", attempt.executor, outcome.outcome.as_str(), outcome.finished_at)
        }
        None => format!("`{}` signed nothing; the broker says {}", attempt.executor, attempt.outcome),
    }
}

/// Compares the broker's state of the process with the signed outcomes.
fn check_result(
    process: &v1::Process,
    answer: &v1::GetProcessResponse,
    outcomes: &[Result<Option<Outcome>, String>],
) -> Result<String, String> {
    let shown = answer.attempts.last().map_or(0, |last| last.attempt);
    if process.attempt != shown {
        return Err(format!("the broker counts {} attempts and shows {shown}", process.attempt));
    }
    if let Some((_, attempt)) = outcomes.iter().zip(&answer.attempts).find(|(outcome, _)| outcome.is_err()) {
        return Err(format!("rests on attempt {}, which is invalid", attempt.attempt));
    }
    let executor = answer.attempts.last().map_or("", |attempt| attempt.executor.as_str());
    told("executor", &process.executor, executor)?;
    let state = state_word(process.state());
    let kinds: Vec<Option<OutcomeKind>> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().ok().and_then(Option::as_ref).map(|outcome| outcome.outcome))
        .collect();
    let (last, before) = match kinds.split_last() {
        Some((last, before)) => (*last, before),
        None => (None, &[][..]),
    };
    // A failed process may have been redriven; one that succeeded or was cancelled may not.
    let is_last = |kind: &OutcomeKind| matches!(kind, OutcomeKind::Succeeded | OutcomeKind::Cancelled);
    if before.iter().flatten().any(is_last) {
        return Err("an attempt follows one that was signed as the last".to_owned());
    }
    let fits = match (process.state(), last) {
        (ProcessState::Succeeded, last) => last == Some(OutcomeKind::Succeeded),
        (_, Some(OutcomeKind::Succeeded)) => false,
        (ProcessState::Running, last) => last.is_none() && !answer.attempts.is_empty(),
        (ProcessState::Cancelled, _) => true,
        (_, Some(OutcomeKind::Cancelled)) => false,
        _ => true,
    };
    if !fits {
        let signed = last.map_or("nothing", OutcomeKind::as_str);
        return Err(format!("the broker says {state}, and what was signed last is {signed}"));
    }
    Ok(match last {
        Some(OutcomeKind::FailedFinal | OutcomeKind::Refused) if is_on_its_way(process.state()) => {
            format!("{state} again after `{executor}` gave it up: redriven, by the broker's word alone")
        }
        Some(kind) => format!("{state}, as signed by `{executor}`: {}", kind.as_str()),
        None => format!("{state}, by the broker's word alone: nobody signed a result"),
    })
}

fn is_on_its_way(state: ProcessState) -> bool {
    matches!(state, ProcessState::Blocked | ProcessState::Waiting)
}

fn open_grant(colony: &Id, grant: Option<&v1::Envelope>, whose: &str) -> Result<Grant, String> {
    let grant = grant.ok_or_else(|| format!("the broker shows no grant of {whose}"))?;
    let grant = envelope_from_proto(grant).map_err(|error| error.to_string())?;
    verify_grant(colony, &grant).map_err(|link| link.to_string())
}

fn spec_envelope(answer: &v1::GetProcessResponse) -> Result<Envelope, String> {
    envelope(answer.spec.as_ref(), "spec")
}

fn envelope(envelope: Option<&v1::Envelope>, what: &str) -> Result<Envelope, String> {
    let envelope = envelope.ok_or_else(|| format!("the broker shows no {what}"))?;
    envelope_from_proto(envelope).map_err(|error| error.to_string())
}

/// Returns the broker's word for a signed outcome.
fn ending(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Succeeded => "succeeded",
        OutcomeKind::FailedRetryable | OutcomeKind::FailedFinal => "failed",
        OutcomeKind::Cancelled => "cancelled",
        OutcomeKind::Refused => "refused",
    }
}

fn told(what: &str, told: &str, signed: &str) -> Result<(), String> {
    if told == signed {
        return Ok(());
    }
    Err(format!("the broker states {what} `{told}`, but `{signed}` was signed"))
}
