//! Batches as parameters of a statement. SQLite has no arrays: a batch is one JSON list, opened with `json_each`, so that each
//! statement runs once for all of its items. Signed documents would be longer in JSON: they go beside it as one blob, and each item
//! says where its own document begins.

use std::borrow::Cow;

use apiary_identity::{Digest, Signature};
use apiary_store::logbook::LogFit;
use apiary_store::matching::assignment::Match;
use apiary_store::matching::hand_over::NewLease;
use apiary_store::model::{
    AttributeBatch, ClaimSlot, Completion, Failure, LastSeen, LeaseRef, LogBatch, NewLogLine, NewProcess, Release,
    Renewal, Report, Resubmission,
};
use apiary_store::{StoreError, StoreResult, checks, documents};
use serde::Serialize;
use uuid::Uuid;

/// Returns a batch as one JSON list.
pub(super) fn list<T: Serialize>(items: impl IntoIterator<Item = T>) -> StoreResult<String> {
    let items: Vec<T> = items.into_iter().collect();
    serde_json::to_string(&items).map_err(|error| StoreError::Refused(format!("a batch cannot be written ({error})")))
}

/// Returns a batch as one JSON list, or null for an empty one.
pub(super) fn list_if_any<T: Serialize>(items: &[T]) -> StoreResult<Option<String>> {
    // Opening a list costs more than the rest of the statement that reads candidates, so an empty one is not opened at all.
    if items.is_empty() { Ok(None) } else { list(items).map(Some) }
}

/// Returns process ids as one JSON list of hexadecimal digits.
pub(super) fn ids(process_ids: &[Uuid]) -> StoreResult<String> {
    // JSON has no bytes. The statements turn the digits back with `unhex`, so that the columns hold 16 bytes instead of text.
    list(process_ids.iter().map(|process_id| process_id.simple().to_string()))
}

/// The documents of a batch in one blob: signatures and payloads, one after the other.
#[derive(Default)]
pub(super) struct Documents(Vec<u8>);

/// The position of a document in the blob: its signature begins at `at` (SQLite counts from 1), its payload follows.
#[derive(Serialize)]
pub(super) struct BlobSlice {
    at: usize,
    signature_bytes: usize,
    payload_at: usize,
    payload_bytes: usize,
}

impl Documents {
    pub(super) fn add(&mut self, signature: &Signature, payload: &[u8]) -> BlobSlice {
        let (at, signature) = (self.0.len() + 1, signature.as_bytes());
        let payload = documents::pack(payload);
        let (signature_bytes, payload_bytes) = (signature.len(), payload.len());
        let place = BlobSlice { at, signature_bytes, payload_at: at + signature_bytes, payload_bytes };
        self.0.extend_from_slice(signature);
        self.0.extend(payload);
        place
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A process to store.
#[derive(Serialize)]
pub(super) struct ProcessItem<'a> {
    process_id: uuid::fmt::Simple,
    colony: i64,
    submitter: i64,
    priority_time_us: i64,
    max_wait_ms: i64,
    max_exec_ms: i64,
    submitted_at_ms: i64,
    priority: i32,
    max_retries: i32,
    function: &'a str,
    executor_type: &'a str,
    executor_names: Option<String>,
    labels: Option<String>,
    not_before_ms: Option<i64>,
    parents: Option<Vec<uuid::fmt::Simple>>,
    idempotency_key: Option<&'a str>,
    idempotency_expires_at_ms: Option<i64>,
    submit_by_ms: i64,
    requires: Option<String>,
    concurrency_key: Option<&'a str>,
    rate_key: Option<&'a str>,
    digest: Digest,
    /// The lease, if an executor takes it at once.
    #[serde(flatten)]
    lease: Option<NewLeaseItem>,
    #[serde(flatten)]
    document: BlobSlice,
}

impl<'a> ProcessItem<'a> {
    pub(super) fn new(process: &'a NewProcess, lease: Option<&NewLease>, documents: &mut Documents) -> Self {
        let (idempotency_key, idempotency_expires_at_ms) =
            process.idempotency.as_ref().map(|(key, expires_at_ms)| (key.as_str(), *expires_at_ms)).unzip();
        Self {
            process_id: process.process_id.simple(),
            colony: process.colony.0,
            submitter: process.submitter.0,
            priority_time_us: process.priority_time_us,
            max_wait_ms: process.max_wait_ms,
            max_exec_ms: process.max_exec_ms,
            submitted_at_ms: process.submitted_at_ms,
            priority: process.priority,
            max_retries: process.max_retries,
            function: &process.function,
            executor_type: &process.executor_type,
            executor_names: checks::json_if_any(&process.executor_names, process.executor_names.is_empty()),
            labels: checks::json_if_any(&process.labels, process.labels.is_empty()),
            not_before_ms: process.not_before_ms,
            // Null for no parents: the steps that block and queue tell the two cases apart by it.
            parents: (!process.parents.is_empty())
                .then(|| process.parents.iter().map(|parent| parent.simple()).collect()),
            idempotency_key,
            idempotency_expires_at_ms,
            submit_by_ms: process.submit_by_ms,
            requires: checks::json_if_any(&process.requires, process.requires.is_empty()),
            concurrency_key: process.concurrency_key.as_deref(),
            rate_key: process.rate_key.as_deref(),
            digest: process.digest,
            lease: lease.map(NewLeaseItem::new),
            document: documents.add(&process.signature, &process.payload),
        }
    }
}

/// The lease of a process that an executor takes at once.
#[derive(Serialize)]
struct NewLeaseItem {
    executor: i64,
    expires_at_ms: i64,
    instance: Option<i64>,
}

impl NewLeaseItem {
    fn new(lease: &NewLease) -> Self {
        let NewLease { claimed, instance } = lease;
        Self { executor: claimed.executor.0, expires_at_ms: claimed.expires_at_ms, instance: *instance }
    }
}

/// A process for `submit_known.sql`.
#[derive(Serialize)]
pub(super) struct KnownItem<'a> {
    process_id: uuid::fmt::Simple,
    colony: i64,
    function: &'a str,
    idempotency_key: Option<&'a str>,
    digest: Digest,
    submitter: i64,
}

impl<'a> KnownItem<'a> {
    pub(super) fn new(process: &'a NewProcess) -> Self {
        Self {
            process_id: process.process_id.simple(),
            colony: process.colony.0,
            function: &process.function,
            idempotency_key: process.idempotency.as_ref().map(|(key, _)| key.as_str()),
            digest: process.digest,
            submitter: process.submitter.0,
        }
    }
}

/// A spec that may redrive the process that holds its idempotency key.
#[derive(Serialize)]
pub(super) struct ResubmissionItem {
    process_id: uuid::fmt::Simple,
    first: uuid::fmt::Simple,
    colony: i64,
    submitter: i64,
    digest: Digest,
    submit_by_ms: i64,
}

impl ResubmissionItem {
    pub(super) fn new(spec: &Resubmission) -> Self {
        Self {
            process_id: spec.process_id.simple(),
            first: spec.first.simple(),
            colony: spec.colony.0,
            submitter: spec.submitter.0,
            digest: spec.digest,
            submit_by_ms: spec.submit_by_ms,
        }
    }
}

/// A lease to make.
#[derive(Serialize)]
pub(super) struct ClaimItem {
    process_id: uuid::fmt::Simple,
    executor: i64,
    lease_ms: i64,
    instance: Option<i64>,
}

impl ClaimItem {
    pub(super) fn new(taken: &Match, slot: &ClaimSlot) -> Self {
        Self {
            process_id: taken.process_id.simple(),
            executor: taken.executor.0,
            lease_ms: slot.lease_ms,
            instance: slot.instance,
        }
    }
}

/// A lease by its fencing token.
#[derive(Serialize)]
pub(super) struct LeaseItem {
    process_id: uuid::fmt::Simple,
    attempt: i32,
    executor: i64,
}

impl LeaseItem {
    pub(super) fn new(lease: &LeaseRef) -> Self {
        Self { process_id: lease.process_id.simple(), attempt: lease.attempt, executor: lease.executor.0 }
    }
}

/// A lease to prolong.
#[derive(Serialize)]
pub(super) struct RenewalItem {
    #[serde(flatten)]
    lease: LeaseItem,
    expires_at_ms: i64,
}

impl RenewalItem {
    pub(super) fn new(renewal: &Renewal) -> Self {
        Self { lease: LeaseItem::new(&renewal.lease), expires_at_ms: renewal.expires_at_ms }
    }
}

/// A lease to give back.
#[derive(Serialize)]
pub(super) struct ReleaseItem<'a> {
    #[serde(flatten)]
    lease: LeaseItem,
    ending: &'static str,
    until_ms: Option<i64>,
    reason: Option<Cow<'a, str>>,
    surroundings: Option<&'a str>,
}

impl<'a> ReleaseItem<'a> {
    pub(super) fn new(release: &'a Release) -> Self {
        Self {
            lease: LeaseItem::new(&release.lease),
            ending: release.ending.as_str(),
            until_ms: release.until_ms,
            reason: release.reason.as_deref().map(checks::storable),
            surroundings: release.surroundings.as_deref(),
        }
    }
}

/// A success to store.
#[derive(Serialize)]
pub(super) struct CompletionItem {
    #[serde(flatten)]
    lease: LeaseItem,
    #[serde(flatten)]
    result: BlobSlice,
}

impl CompletionItem {
    pub(super) fn new(completion: &Completion, documents: &mut Documents) -> Self {
        Self {
            lease: LeaseItem::new(&completion.lease),
            result: documents.add(&completion.signature, &completion.payload),
        }
    }
}

/// An attempt that did not succeed.
#[derive(Serialize)]
pub(super) struct FailureItem {
    #[serde(flatten)]
    lease: LeaseItem,
    only_if_over_at_ms: Option<i64>,
    ending: &'static str,
    reason: String,
    next: &'static str,
    blocked_until_ms: Option<i64>,
    retries_spent: i32,
    #[serde(flatten)]
    result: Option<BlobSlice>,
}

impl FailureItem {
    /// Without documents, the item has no result.
    pub(super) fn new(failure: &Failure, documents: Option<&mut Documents>) -> Self {
        Self {
            lease: LeaseItem::new(&failure.lease),
            only_if_over_at_ms: failure.only_if_over_at_ms,
            ending: failure.ending.as_str(),
            // The same text in both databases: SQLite could hold a NUL, but Postgres could not.
            reason: checks::storable(&failure.reason).into_owned(),
            next: failure.next.as_str(),
            blocked_until_ms: failure.blocked_until_ms,
            retries_spent: failure.retries_spent,
            // Without a result the item has no position, and the statement stores null.
            result: failure.result.as_ref().zip(documents).map(|((payload, signature), to)| to.add(signature, payload)),
        }
    }
}

/// Progress to store.
#[derive(Serialize)]
pub(super) struct ReportItem {
    #[serde(flatten)]
    lease: LeaseItem,
    number: i64,
    percent: Option<f64>,
    message: Option<String>,
    has_checkpoint: bool,
    #[serde(flatten)]
    document: BlobSlice,
}

impl ReportItem {
    pub(super) fn new(report: &Report, documents: &mut Documents) -> Self {
        Self {
            lease: LeaseItem::new(&report.lease),
            number: report.number,
            percent: report.percent,
            message: report.message.as_deref().map(|words| checks::storable(words).into_owned()),
            has_checkpoint: report.has_checkpoint,
            document: documents.add(&report.signature, &report.payload),
        }
    }
}

/// A log line to store.
#[derive(Serialize)]
pub(super) struct LogItem<'a> {
    #[serde(flatten)]
    lease: LeaseItem,
    colony: i64,
    time_ms: i64,
    level: &'static str,
    message: Cow<'a, str>,
    fields: Option<Cow<'a, str>>,
}

impl<'a> LogItem<'a> {
    pub(super) fn new(batch: &LogBatch, line: &'a NewLogLine) -> Self {
        Self {
            lease: LeaseItem::new(&batch.lease),
            colony: batch.colony.0,
            time_ms: line.time_ms,
            level: line.level.as_str(),
            message: checks::storable(&line.message),
            fields: line.fields.as_deref().map(checks::storable),
        }
    }
}

/// The growth of a process's log.
#[derive(Serialize)]
pub(super) struct LogTotalItem {
    process_id: uuid::fmt::Simple,
    lines: i32,
    bytes: i64,
}

impl LogTotalItem {
    pub(super) fn new(fitted: &LogFit<'_>) -> Self {
        // Only what fits is counted: the stored totals must match the stored lines.
        let process_id = fitted.batch.lease.process_id.simple();
        Self { process_id, lines: fitted.more.lines, bytes: fitted.more.bytes }
    }
}

/// A value to attach.
#[derive(Serialize)]
pub(super) struct AttributeItem<'a> {
    process_id: uuid::fmt::Simple,
    attempt: i32,
    kind: &'static str,
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> AttributeItem<'a> {
    /// Returns an item for each value of a batch.
    pub(super) fn of(batch: &'a AttributeBatch) -> impl Iterator<Item = Self> {
        batch.attributes.iter().map(|attribute| Self {
            process_id: batch.lease.process_id.simple(),
            attempt: batch.lease.attempt,
            kind: attribute.kind.as_str(),
            key: checks::storable(&attribute.key),
            value: checks::storable(&attribute.value),
        })
    }
}

/// A last-seen record of an executor.
#[derive(Serialize)]
pub(super) struct ContactItem<'a> {
    colony: i64,
    key: String,
    executor_type: &'a str,
    name: &'a str,
    last_heard_ms: i64,
    offer: Option<String>,
}

impl<'a> ContactItem<'a> {
    pub(super) fn new(contact: &'a LastSeen) -> StoreResult<Self> {
        Ok(Self {
            colony: contact.colony.0,
            // JSON has no bytes: the statement turns the digits back.
            key: hex::encode(contact.key.as_bytes()),
            executor_type: &contact.executor_type,
            name: &contact.name,
            last_heard_ms: contact.last_heard_ms,
            offer: checks::offer_json(contact)?,
        })
    }
}
