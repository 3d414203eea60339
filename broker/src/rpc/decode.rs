//! Decoding from the wire, with checks of form: ids, bounds, pages.

mod executors;

use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;
use std::time::Duration;

use apiary_identity::limits::{DOCUMENT_BYTES_MAX, NAME_CHARS_MAX, VALUE_BYTES_MAX};
use apiary_identity::{DocumentError, Envelope, Id, Offer, QuantityError, Signature};
use apiary_proto::v1 as pb;
use apiary_store::model::{
    BulkAction, GrantCursor, GrantKey, Page, PauseKind, PauseTarget, ProcessCursor, ProcessFilter, ProcessState,
};
use uuid::Uuid;

use crate::Error;
use crate::engine::{BulkOrder, ClaimOrder, ReleaseOrder, WatchTarget};
use crate::limits::{
    BATCH_DOCUMENTS_MAX, CANCEL_GRACE_MS_DEFAULT, CANCEL_GRACE_MS_MAX, CLAIM_COUNT_MAX, CLAIM_WAIT_MS_MAX,
    HELD_LEASES_MAX, LEASE_MS_DEFAULT, LEASE_MS_MAX, LEASE_MS_MIN, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, REASON_BYTES_MAX,
    SNOOZE_MS_MAX, SURROUNDINGS_BYTES_MAX,
};

pub(super) use executors::{executor_query, function_query, introduction, key_id, needed_name};

/// The most labels in one filter.
const FILTER_LABELS_MAX: usize = 16;

/// Decodes an envelope that must be there.
pub(super) fn envelope(field: &'static str, envelope: Option<pb::Envelope>) -> Result<Envelope, Error> {
    let envelope = envelope.ok_or_else(|| Error::field(field, "is missing: send a signed document"))?;
    if envelope.payload.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "`{field}` has {} bytes, the most is {DOCUMENT_BYTES_MAX}",
            envelope.payload.len()
        )));
    }
    let signature = Signature::from_bytes(envelope.signature)
        .map_err(|error| Error::SignatureInvalid(format!("`{field}.signature`: {error}")))?;
    let key_id =
        envelope.key_id.parse().map_err(|error| Error::SignatureInvalid(format!("`{field}.key_id` is {error}")))?;
    Ok(Envelope { payload_type: envelope.payload_type, payload: envelope.payload, key_id, signature })
}

/// Decodes a colony's id.
pub(super) fn colony_id(text: &str) -> Result<Id, Error> {
    text.parse().map_err(|error| Error::field("colony_id", format!("is {error}")))
}

/// Decodes a process's id.
pub(super) fn process_id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::field("process_id", "is a UUID, as submit returned it"))
}

/// Decodes a claim.
pub(super) fn claim(request: pb::ClaimRequest, is_after_results: bool) -> Result<ClaimOrder, Error> {
    let executor_type = exact("executor_type", request.executor_type)?
        .ok_or_else(|| Error::field("executor_type", "is missing: name the type to claim for"))?;
    let count = match request.count_max {
        0 => 1,
        count if (1..=CLAIM_COUNT_MAX).contains(&count) => count,
        count => return Err(Error::field("count_max", format!("is 1 to {CLAIM_COUNT_MAX}; got {count}"))),
    };
    let wait = wait(request.wait_ms)?;
    if is_after_results && request.names_held {
        // It could release what a result of the same call is about.
        return Err(Error::field("names_held", "cannot go with `results`: send those first, in a call of their own"));
    }
    Ok(ClaimOrder {
        executor_type,
        count: count.unsigned_abs() as usize,
        wait,
        lease_ms: lease_ms(request.lease_ms)?,
        offer: offer(request.offer.unwrap_or_default())?,
        instance: (request.instance != 0).then_some(request.instance.cast_signed()),
        held: held(request.instance, request.names_held, request.held)?,
        is_after_results,
    })
}

/// Decodes the leases that an executor has; `None` if it does not name them.
fn held(instance: u64, are_named: bool, held: Vec<pb::HeldLease>) -> Result<Option<HashSet<(Uuid, i32)>>, Error> {
    if !are_named {
        return match held.is_empty() {
            true => Ok(None),
            false => Err(Error::field("held", "is given without `names_held`")),
        };
    }
    if instance == 0 {
        return Err(Error::field("names_held", "needs `instance`: which run of the executor the leases belong to"));
    }
    if held.len() > HELD_LEASES_MAX {
        return Err(Error::field("held", format!("has {HELD_LEASES_MAX} leases at most; got {}", held.len())));
    }
    held.into_iter()
        .map(|lease| Ok((process_id(&lease.process_id)?, lease.attempt)))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Decodes the longest wait of a call.
pub(super) fn wait(wait_ms: i64) -> Result<Duration, Error> {
    let wait_ms =
        u64::try_from(wait_ms).map_err(|_| Error::field("wait_ms", format!("is 0 or more; got {wait_ms}")))?;
    Ok(Duration::from_millis(wait_ms.min(CLAIM_WAIT_MS_MAX.unsigned_abs())))
}

/// Checks that a batch has at least one document, and not too many.
pub(super) fn check_batch(field: &str, count: usize) -> Result<(), Error> {
    if (1..=BATCH_DOCUMENTS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Error::field(field, format!("holds 1 to {BATCH_DOCUMENTS_MAX} documents; got {count}")))
}

/// Decodes an executor's offer. Unreadable amounts are rejected: read as zero they would match anything, or nothing.
pub(super) fn offer(offer: pb::Offer) -> Result<Offer, Error> {
    let offer = Offer {
        cpu: amount("offer.cpu", &offer.cpu)?,
        memory: amount("offer.memory", &offer.memory)?,
        gpus: Some(offer.gpus).filter(|gpus| *gpus > 0),
        gpu_memory: amount("offer.gpu_memory", &offer.gpu_memory)?,
        location: Some(offer.location).filter(|location| !location.is_empty()),
        tags: tags(offer.tags)?,
    };
    match offer.check() {
        Ok(()) => Ok(offer),
        Err(DocumentError::Field { field, problem }) => Err(Error::field(format!("offer.{field}"), problem)),
        Err(error) => Err(Error::Invalid(format!("`offer`: {error}"))),
    }
}

fn amount<T: FromStr<Err = QuantityError>>(field: &'static str, text: &str) -> Result<Option<T>, Error> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|error| Error::field(field, format!("cannot be read: {error}"))),
    }
}

fn tags(tags: Vec<String>) -> Result<BTreeSet<String>, Error> {
    let (count, tags) = (tags.len(), tags.into_iter().collect::<BTreeSet<_>>());
    if tags.len() < count {
        return Err(Error::field("offer.tags", "names a tag more than once: name each once"));
    }
    Ok(tags)
}

/// Decodes the thing to pause or resume.
pub(super) fn paused(kind: &str, name: String) -> Result<PauseTarget, Error> {
    let Some(kind) = PauseKind::from_word(kind) else {
        return Err(Error::field("kind", "is `colony`, `executor_type` or `function`: say what to pause"));
    };
    match (kind, exact("name", name)?) {
        (PauseKind::Colony, None) => Ok(PauseTarget { kind, name: String::new() }),
        (PauseKind::Colony, Some(_)) => {
            Err(Error::field("name", "is left empty for the kind `colony`: it is your own colony"))
        }
        (_, Some(name)) => {
            apiary_identity::check_name("name", &name)?;
            Ok(PauseTarget { kind, name })
        }
        (_, None) => Err(Error::field("name", format!("is missing: say which {}", kind.as_str()))),
    }
}

/// Decodes the duration of a lease.
pub(super) fn lease_ms(ms: i64) -> Result<i64, Error> {
    match ms {
        0 => Ok(LEASE_MS_DEFAULT),
        ms if (LEASE_MS_MIN..=LEASE_MS_MAX).contains(&ms) => Ok(ms),
        ms => Err(Error::field("lease_ms", format!("is {LEASE_MS_MIN} to {LEASE_MS_MAX}; got {ms}"))),
    }
}

/// Decodes a bulk action to start.
pub(super) fn bulk_order(request: pb::StartBulkRequest) -> Result<BulkOrder, Error> {
    let Some(action) = BulkAction::from_word(&request.action) else {
        return Err(Error::field("action", "is `cancel`, `redrive`, `discard`, `retry` or `delete`: say what to do"));
    };
    Ok(BulkOrder {
        bulk_id: bulk_id(&request.bulk_id)?,
        action,
        filter: filter(request.filter)?,
        reason: reason(request.reason)?,
        dry_run: request.dry_run,
    })
}

/// Decodes the id of a bulk action.
pub(super) fn bulk_id(text: &str) -> Result<Uuid, Error> {
    match Uuid::try_parse(text) {
        Ok(id) if id.get_version_num() == 7 => Ok(id),
        _ => Err(Error::field("bulk_id", "is a UUID of version 7 (RFC 9562)")),
    }
}

/// Decodes a moment; 0 stands for none.
fn moment(field: &str, ms: i64) -> Result<Option<i64>, Error> {
    match ms {
        0 => Ok(None),
        1.. => Ok(Some(ms)),
        _ => Err(Error::field(field, format!("is in milliseconds since 1970, or 0 for any; got {ms}"))),
    }
}

/// Decodes a release: the delay and its reason.
pub(super) fn back(request: pb::ReleaseRequest) -> Result<ReleaseOrder, Error> {
    let pb::ReleaseRequest { delay_ms, surroundings, .. } = request;
    if !(0..=SNOOZE_MS_MAX).contains(&delay_ms) {
        return Err(Error::field("delay_ms", format!("is 0 to {SNOOZE_MS_MAX}; got {delay_ms}")));
    }
    let reason = reason(request.reason)?;
    if surroundings.is_empty() {
        return Ok(ReleaseOrder { delay_ms, reason, surroundings: None });
    }
    if delay_ms == 0 || reason.is_empty() {
        return Err(Error::field("surroundings", "needs a `delay_ms`, and a `reason` for people"));
    }
    if surroundings.len() > SURROUNDINGS_BYTES_MAX || surroundings.contains(char::is_control) {
        return Err(Error::field(
            "surroundings",
            format!("is a name of at most {SURROUNDINGS_BYTES_MAX} bytes without control characters"),
        ));
    }
    Ok(ReleaseOrder { delay_ms, reason, surroundings: Some(surroundings) })
}

/// Decodes the grace time of a cancelled process.
pub(super) fn grace_ms(ms: i64) -> Result<i64, Error> {
    match ms {
        -1 => Ok(CANCEL_GRACE_MS_DEFAULT),
        ms if (0..=CANCEL_GRACE_MS_MAX).contains(&ms) => Ok(ms),
        ms => Err(Error::field(
            "grace_ms",
            format!("is 0 to {CANCEL_GRACE_MS_MAX}, or -1 for {CANCEL_GRACE_MS_DEFAULT}; got {ms}"),
        )),
    }
}

/// Decodes a reason in words.
pub(super) fn reason(words: String) -> Result<String, Error> {
    if words.len() > REASON_BYTES_MAX || words.contains('\0') {
        return Err(Error::field("reason", format!("is text of at most {REASON_BYTES_MAX} bytes without NUL")));
    }
    Ok(words)
}

/// Decodes a filter on processes.
pub(super) fn filter(filter: Option<pb::ProcessFilter>) -> Result<ProcessFilter, Error> {
    let Some(filter) = filter else { return Ok(ProcessFilter::default()) };
    let states = filter.states.iter().map(|state| process_state(*state)).collect::<Result<_, _>>()?;
    if filter.labels.len() > FILTER_LABELS_MAX {
        return Err(Error::field("labels", format!("has at most {FILTER_LABELS_MAX} labels")));
    }
    for (key, value) in &filter.labels {
        if key.len() > NAME_CHARS_MAX || value.len() > VALUE_BYTES_MAX || key.contains('\0') || value.contains('\0') {
            return Err(Error::field("labels", "holds one longer than a label can be, or with a NUL"));
        }
    }
    Ok(ProcessFilter {
        states,
        executor_type: exact("executor_type", filter.executor_type)?,
        function: exact("function", filter.function)?,
        labels: filter.labels,
        submitter: exact("submitter", filter.submitter)?,
        executor: exact("executor", filter.executor)?,
        submitted_from_ms: moment("submitted_from_ms", filter.submitted_from_ms)?,
        submitted_until_ms: moment("submitted_until_ms", filter.submitted_until_ms)?,
        own: None,
    })
}

/// Decodes the target of a watch.
pub(super) fn watch(request: pb::WatchRequest) -> Result<WatchTarget, Error> {
    if request.process_id.is_empty() {
        if request.logs {
            return Err(Error::field("logs", "needs a `process_id`: lines are watched of one process"));
        }
        return Ok(WatchTarget::Filter(Box::new(filter(request.filter)?)));
    }
    if request.filter.is_some() {
        return Err(Error::field("process_id", "and `filter` exclude each other: send one"));
    }
    Ok(WatchTarget::Process { process_id: process_id(&request.process_id)?, logs: request.logs })
}

/// Decodes a page of processes; the token is `<submitted_at_ms>.<process_id>`.
pub(super) fn process_page(size: i32, token: &str) -> Result<Page<ProcessCursor>, Error> {
    page(size, token, |token| {
        let (submitted_at_ms, process_id) = token.split_once('.')?;
        Some(ProcessCursor {
            submitted_at_ms: submitted_at_ms.parse().ok()?,
            process_id: Uuid::try_parse(process_id).ok()?,
        })
    })
}

/// Decodes a page of grants; the token is the last row's number.
pub(super) fn grant_page(size: i32, token: &str) -> Result<Page<GrantCursor>, Error> {
    page(size, token, |token| Some(GrantCursor(GrantKey(token.parse().ok()?))))
}

pub(super) fn page<C>(size: i32, token: &str, cursor: impl FnOnce(&str) -> Option<C>) -> Result<Page<C>, Error> {
    let size = page_size(size)?;
    let after = match token {
        "" => None,
        token => Some(cursor(token).ok_or_else(|| {
            Error::field("page_token", "is none of this list: use `next_page_token` of the page before, as it came")
        })?),
    };
    Ok(Page { size, after })
}

/// Decodes the most rows of a page.
pub(super) fn page_size(size: i32) -> Result<i64, Error> {
    if size == 0 { Ok(i64::from(PAGE_SIZE_DEFAULT)) } else { rows_max("page_size", size) }
}

/// Decodes a number of rows that one page can hold.
pub(super) fn rows_max(field: &'static str, count: i32) -> Result<i64, Error> {
    match count {
        count if (1..=PAGE_SIZE_MAX).contains(&count) => Ok(i64::from(count)),
        count => Err(Error::field(field, format!("is 1 to {PAGE_SIZE_MAX}; got {count}"))),
    }
}

pub(super) fn exact(field: &'static str, name: String) -> Result<Option<String>, Error> {
    if name.len() > NAME_CHARS_MAX || name.contains('\0') {
        return Err(Error::field(field, format!("has at most {NAME_CHARS_MAX} characters and no NUL")));
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

pub(super) fn process_state(state: i32) -> Result<ProcessState, Error> {
    use pb::ProcessState as Wire;
    match Wire::try_from(state) {
        Ok(Wire::Waiting) => Ok(ProcessState::Waiting),
        Ok(Wire::Blocked) => Ok(ProcessState::Blocked),
        Ok(Wire::Running) => Ok(ProcessState::Running),
        Ok(Wire::Succeeded) => Ok(ProcessState::Succeeded),
        Ok(Wire::Failed) => Ok(ProcessState::Failed),
        Ok(Wire::Cancelled) => Ok(ProcessState::Cancelled),
        Ok(Wire::DeadLetter) => Ok(ProcessState::DeadLetter),
        Ok(Wire::Unspecified) | Err(_) => Err(Error::field("states", format!("has {state}, which is no state"))),
    }
}
