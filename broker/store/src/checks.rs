//! Checks and conversions of requests and answers, common to both databases.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use apiary_identity::{Envelope, Grant, Id};
use uuid::Uuid;

use crate::limits::LIST_FEW_MAX;
use crate::logbook::LogFit;
use crate::model::{
    AttachResult, AttributeBatch, Colony, ColonyKey, Discard, Effect, Failure, LastSeen, LeaseEnd, LogBatch,
    NewProcess, ParentEnd, ProcessFilter, ProcessState, Registration, Report, ReportResult, SubmitResult,
};
use crate::rows::{Columns, Fields, KnownState};
use crate::{StoreError, StoreResult};

/// The longest message between brokers, in bytes: Postgres refuses 8,000.
const NOTIFICATION_BYTES_MAX: usize = 7_900;

/// Checks that the next state of each failure can follow it. The error refuses the whole batch.
pub fn check_failures(failures: &[Failure]) -> StoreResult<()> {
    for failure in failures {
        let fits = match failure.next {
            ProcessState::Waiting | ProcessState::Failed | ProcessState::DeadLetter | ProcessState::Cancelled => true,
            ProcessState::Blocked => failure.blocked_until_ms.is_some(),
            ProcessState::Running | ProcessState::Succeeded => false,
        };
        if !fits {
            return Err(StoreError::Refused(format!(
                "a failure of process {} cannot be followed by `{}`",
                failure.lease.process_id,
                failure.next.as_str()
            )));
        }
    }
    Ok(())
}

/// Returns the answer for a process that was just stored.
pub fn submitted_new(process: &NewProcess, now_ms: i64) -> SubmitResult {
    let is_early = process.not_before_ms.is_some_and(|not_before_ms| not_before_ms > now_ms);
    let is_blocked = is_early || !process.parents.is_empty();
    SubmitResult::New { state: if is_blocked { ProcessState::Blocked } else { ProcessState::Waiting } }
}

/// Corrects the answers for new processes that were cancelled in the same transaction.
pub fn with_cancelled(
    processes: &[NewProcess],
    mut answers: Vec<SubmitResult>,
    cancelled: &[(ColonyKey, Uuid)],
) -> Vec<SubmitResult> {
    let cancelled: std::collections::HashSet<&Uuid> = cancelled.iter().map(|(_, process_id)| process_id).collect();
    for (process, answer) in processes.iter().zip(&mut answers) {
        if let SubmitResult::New { state } = answer
            && cancelled.contains(&process.process_id)
        {
            *state = ProcessState::Cancelled;
        }
    }
    answers
}

/// Checks the length of a message between brokers.
pub fn check_notification(message: &str) -> StoreResult<()> {
    if message.len() <= NOTIFICATION_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "a message between brokers has {} bytes, the most is {NOTIFICATION_BYTES_MAX}: send several",
        message.len()
    )))
}

/// Returns text that either database can hold: NUL characters are replaced. Executors choose the text of a failure, and Postgres
/// refuses NUL, so one such text would fail the whole batch.
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Returns a value as JSON text.
pub fn json<T: serde::Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(format!("it cannot be written ({error})")))
}

/// Returns names or labels as JSON text; `None` if there are none.
pub fn json_if_any<T: serde::Serialize>(value: &T, is_empty: bool) -> Option<String> {
    if is_empty { None } else { serde_json::to_string(value).ok() }
}

/// Returns the offer and the functions of an executor, as JSON texts.
pub fn registration_json(registration: &Registration) -> StoreResult<(String, String)> {
    Ok((json(&registration.offer)?, json(&registration.functions)?))
}

/// Returns the offer of an executor as JSON text; `None` if it is not known.
pub fn offer_json(contact: &LastSeen) -> StoreResult<Option<String>> {
    contact.offer.as_ref().map(json).transpose()
}

/// Returns the result for each item's lease; a lease that the statement did not end is lost.
pub fn ended<T>(items: &[T], process_id: impl Fn(&T) -> Uuid, ends: &HashMap<Uuid, LeaseEnd>) -> Vec<LeaseEnd> {
    items.iter().map(|item| ends.get(&process_id(item)).copied().unwrap_or(LeaseEnd::Lost)).collect()
}

/// Returns true if a process in this state can be cancelled.
pub fn can_be_cancelled(known: &KnownState) -> bool {
    !known.state.is_finished()
}

/// Returns true if a process in this state can be redriven.
pub fn can_be_redriven(known: &KnownState) -> bool {
    matches!(known.state, ProcessState::DeadLetter | ProcessState::Failed) && !known.is_replaced
}

/// Returns the reason why a change is impossible.
pub fn unfit(known: &KnownState) -> Effect {
    match known {
        KnownState { is_replaced: true, .. } => Effect::Replaced,
        KnownState { has_parents: true, .. } => Effect::HasParents,
        KnownState { state, .. } => Effect::WrongState(*state),
    }
}

/// Returns the result of a replacement; `is_taken` says that the id of the replacement exists already.
pub fn replaced_effect(effect: Option<Effect>, is_taken: bool) -> Effect {
    match effect {
        Some(Effect::WrongState(ProcessState::DeadLetter | ProcessState::Failed)) if is_taken => Effect::Taken,
        Some(effect) => effect,
        None => Effect::Unknown,
    }
}

/// Returns true if a process in this state can be moved to the queue now.
pub fn can_be_retried(known: &KnownState) -> bool {
    known.state == ProcessState::Blocked && !known.has_parents
}

/// Returns the parents that succeeded.
pub fn succeeded(ends: &[(Uuid, ParentEnd)]) -> Vec<Uuid> {
    ends.iter().filter(|(_, end)| *end == ParentEnd::Succeeded).map(|(process_id, _)| *process_id).collect()
}

/// Returns the parents that were replaced, each with its replacement.
pub fn replaced(ends: &[(Uuid, ParentEnd)]) -> Vec<(Uuid, Uuid)> {
    let by = |(process_id, end): &(Uuid, ParentEnd)| match end {
        ParentEnd::Replaced(by) => Some((*process_id, *by)),
        _ => None,
    };
    ends.iter().filter_map(by).collect()
}

/// Returns the parents that will never succeed, each with the reason for cancelling its children.
pub fn never_succeeding(ends: &[(Uuid, ParentEnd)]) -> Vec<(Uuid, String)> {
    let reason = |(process_id, end): &(Uuid, ParentEnd)| match end {
        ParentEnd::Succeeded | ParentEnd::Replaced(_) => None,
        ParentEnd::Cancelled => Some((*process_id, format!("its parent {process_id} was cancelled"))),
        ParentEnd::Deleted => Some((*process_id, format!("its parent {process_id} was deleted"))),
    };
    ends.iter().filter_map(reason).collect()
}

/// Returns the states in which a process can be given up.
pub fn states_to_discard(discard: &Discard) -> &'static [ProcessState] {
    if discard.is_replaced { &[ProcessState::DeadLetter, ProcessState::Failed] } else { &[ProcessState::DeadLetter] }
}

/// Returns the answers in the order of the items; `None` for an item without one.
pub fn in_order<T, K: Eq + Hash, A: Clone>(
    items: &[T],
    key: impl Fn(&T) -> K,
    answers: &HashMap<K, A>,
) -> Vec<Option<A>> {
    items.iter().map(|item| answers.get(&key(item)).cloned()).collect()
}

/// Returns the results of reports. `held` returns `None` for a process whose lease is not held, and true if its report is the newest.
pub fn reported(reports: &[Report], held: impl Fn(&Uuid) -> Option<bool>) -> Vec<ReportResult> {
    let answer = |report: &Report| match held(&report.lease.process_id) {
        Some(true) => ReportResult::Kept,
        Some(false) => ReportResult::Older,
        None => ReportResult::Lost,
    };
    reports.iter().map(answer).collect()
}

/// Returns the number of dropped lines of each batch; `None` for a lost lease.
pub fn dropped(batches: &[LogBatch], fitted: &[LogFit<'_>]) -> Vec<Option<usize>> {
    let dropped: HashMap<Uuid, usize> = fitted.iter().map(|one| (one.batch.lease.process_id, one.dropped())).collect();
    in_order(batches, |batch| batch.lease.process_id, &dropped)
}

/// Returns the results of attaching values, from the processes whose lease is held and those with room for the values.
pub fn attached(batches: &[AttributeBatch], held: &HashSet<Uuid>, kept: &HashSet<Uuid>) -> Vec<AttachResult> {
    let answer = |batch: &AttributeBatch| match &batch.lease.process_id {
        lost if !held.contains(lost) => AttachResult::Lost,
        process_id if kept.contains(process_id) || batch.attributes.is_empty() => AttachResult::Kept,
        _ => AttachResult::Full,
    };
    batches.iter().map(answer).collect()
}

/// Returns a pattern for `LIKE ... ESCAPE '\'` that matches values with this text in them.
pub fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Returns the existing colony that prevents a new one, if the two are the same; otherwise [`StoreError::Taken`].
pub fn same_colony(known: Option<Colony>, id: &Id, name: &str) -> StoreResult<Colony> {
    match known {
        Some(colony) if colony.name == name => Ok(colony),
        Some(colony) => Err(StoreError::Taken(format!(
            "the colony {id} is called `{}` here: use that name, or another key",
            colony.name
        ))),
        None => Err(StoreError::Taken(format!("another colony is called `{name}` here: choose another name"))),
    }
}

/// Compares a grant with the stored one of the same id (its row with `key, payload, signature`). True if they are the same;
/// otherwise [`StoreError::Taken`].
pub fn same_grant(known: Option<&dyn Columns>, grant: &Grant, envelope: &Envelope) -> StoreResult<bool> {
    let Some(row) = known else {
        // The insert found it a moment ago, and grants are never removed.
        return Err(StoreError::Corrupt(format!("table `grants`: the grant {} vanished", grant.grant_id)));
    };
    let (fields, _) = Fields::of_number(row, "grants")?;
    if fields.bytes("payload")? == envelope.payload && fields.bytes("signature")? == envelope.signature.as_bytes() {
        return Ok(true);
    }
    Err(StoreError::Taken(format!("another grant has the id {}: sign this one with a new id", grant.grant_id)))
}

/// Compares a revocation with the stored one of the same id, if any (its row with `key, payload, signature`). Fails with
/// [`StoreError::Taken`] unless they are the same.
pub fn same_revocation(known: Option<&dyn Columns>, id: uuid::Uuid, envelope: &Envelope) -> StoreResult<()> {
    let Some(row) = known else { return Ok(()) };
    let (fields, _) = Fields::of_number(row, "revocations")?;
    if fields.bytes("payload")? == envelope.payload && fields.bytes("signature")? == envelope.signature.as_bytes() {
        return Ok(());
    }
    Err(StoreError::Taken(format!("another revocation has the id {id}: sign this one with a new id")))
}

/// Compares rules with the stored ones that prevent them (their row with `key, version, payload, signature`). Fails with
/// [`StoreError::Taken`] unless they are the same.
pub fn same_guard(known: Option<&dyn Columns>, version: i64, envelope: &Envelope) -> StoreResult<()> {
    let Some(row) = known else {
        // The insert found them a moment ago, and rules are never removed.
        return Err(StoreError::Corrupt("table `guards`: the colony's rules vanished".to_owned()));
    };
    let (fields, _) = Fields::of_number(row, "guards")?;
    if fields.bytes("payload")? == envelope.payload && fields.bytes("signature")? == envelope.signature.as_bytes() {
        return Ok(());
    }
    let kept = fields.number("version")?;
    Err(StoreError::Taken(match kept == version {
        true => format!("other rules of the colony have version {version}: sign these with a higher one"),
        false => {
            format!("the colony's rules have version {kept}, and these have {version}: sign them with a higher one")
        }
    }))
}

/// Returns true if few processes are in the wanted states, by the numbers of processes in each state. If a row of the colony has an unknown
/// state, the numbers are not known: the list is read by its order, and shows the others.
pub fn are_few(filter: &ProcessFilter, counts: StoreResult<Vec<(ProcessState, i64)>>) -> StoreResult<bool> {
    match counts {
        Ok(counts) => Ok(filter.matches_few(&counts, LIST_FEW_MAX)),
        Err(StoreError::Corrupt(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
