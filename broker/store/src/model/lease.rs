//! Leases, as kept.

use std::sync::Arc;

use apiary_identity::{Digest, Offer, Scopes, Signature};
use bytes::Bytes;
use uuid::Uuid;

use super::{ColonyKey, GrantKey, ProcessState};

/// A queue of waiting work: one for each executor type of each colony.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The tenant.
    pub colony: ColonyKey,
    /// The executor type.
    pub executor_type: String,
}

/// A poll that waits for work. Thousands of polls may share a lane, and each pass over the lane needs them all: the large parts
/// are shared.
#[derive(Clone, Debug)]
pub struct ClaimSlot {
    /// The executor's grants that cover the lane's executor type, the oldest first. A lease is given under the first that covers
    /// the work, so that a result signed under it can be verified.
    pub grants: Arc<[SlotGrant]>,
    /// The labels and resources that the executor offers.
    pub offer: Arc<Offer>,
    /// The most leases to give.
    pub count: usize,
    /// The duration of each lease.
    pub lease_ms: i64,
    /// The run of the executor that polls, by a number of its choice, so that it can find leases whose answers were lost.
    pub instance: Option<i64>,
}

/// A grant that an executor claims under.
#[derive(Clone, Debug)]
pub struct SlotGrant {
    /// The grant.
    pub key: GrantKey,
    /// The executor's name in it, for work that is aimed at names.
    pub name: String,
    /// The grant's scopes.
    pub scopes: Scopes,
}

/// The result of one pass over a lane.
#[derive(Clone, Debug, Default)]
pub struct ClaimResult {
    /// The leases, in the order of their processes.
    pub claimed: Vec<ClaimedLease>,
    /// True if the pass ended before the end of the lane: more may wait.
    pub has_more: bool,
    /// True if nothing else waits in the lane, not even work that is paused, limited or for other executors. May give false negatives.
    pub is_lane_empty: bool,
    /// True if the pass counted limits. Such passes run one at a time in a colony.
    pub is_counted: bool,
    /// The slots whose executor is being drained: they get nothing, and need not wait.
    pub drained: Vec<usize>,
    /// True if a limit held back work.
    pub hit_limit: bool,
    /// True if some of that work waits until something that runs ends.
    pub waits_for_running: bool,
    /// The time of the next allowed start, if a rate held back work.
    pub next_start_ms: Option<i64>,
}

/// A new lease, with what the executor needs.
#[derive(Clone, Debug)]
pub struct ClaimedLease {
    /// The index of the claim's slot that got it.
    pub slot: usize,
    /// The grant that it is leased to: one of the slot's.
    pub executor: GrantKey,
    /// The process.
    pub process_id: Uuid,
    /// The function to execute.
    pub function: String,
    /// The attempt's number, from 1; it fences.
    pub attempt: i32,
    /// The number of retries spent before this attempt.
    pub retries_spent: i32,
    /// Attempts after the first; −1 for no limit.
    pub max_retries: i32,
    /// When the attempt began.
    pub claimed_at_ms: i64,
    /// Since when the process waited, if the claim read it.
    pub waiting_since_ms: Option<i64>,
    /// When the lease ends.
    pub expires_at_ms: i64,
    /// The submitter's grant.
    pub submitter: GrantKey,
    /// The signed spec.
    pub payload: Bytes,
    /// The spec's signature, as stored.
    pub signature: Vec<u8>,
    /// The digest of the spec's signed bytes; `None` if what is stored is no digest.
    pub spec_digest: Option<Digest>,
}

impl ClaimedLease {
    /// Returns the reference to the lease.
    pub fn reference(&self) -> LeaseRef {
        LeaseRef { process_id: self.process_id, attempt: self.attempt, executor: self.executor }
    }
}

/// A current lease, with what decisions about it need.
#[derive(Clone, Debug)]
pub struct LeaseRecord {
    /// The process.
    pub process_id: Uuid,
    /// The colony and the executor type.
    pub lane: Lane,
    /// The function to execute.
    pub function: String,
    /// The attempt's number.
    pub attempt: i32,
    /// The executor's grant.
    pub executor: GrantKey,
    /// The number of retries spent.
    pub retries_spent: i32,
    /// Attempts after the first; −1 for no limit.
    pub max_retries: i32,
    /// When the attempt began.
    pub claimed_at_ms: i64,
    /// When the lease ends.
    pub expires_at_ms: i64,
    /// When `max_exec` ends the attempt, renewed or not.
    pub exec_deadline_ms: Option<i64>,
    /// The digest of the spec's signed bytes.
    pub spec_digest: Digest,
    /// The cancellation, if one was requested.
    pub cancel: Option<CancelMark>,
}

impl LeaseRecord {
    /// Returns the fencing token.
    pub fn reference(&self) -> LeaseRef {
        LeaseRef { process_id: self.process_id, attempt: self.attempt, executor: self.executor }
    }
}

/// A requested cancellation of a running process: the process becomes cancelled when its lease ends, however it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelMark {
    /// When the lease ends at the latest.
    pub deadline_ms: i64,
    /// The reason, in words.
    pub reason: String,
    /// The name of the caller who asked for it.
    pub by: String,
}

/// A lease by its fencing token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The process.
    pub process_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// The grant that it is leased to.
    pub executor: GrantKey,
}

/// A lease, with the run of the executor that claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLease {
    /// The lease.
    pub lease: LeaseRef,
    /// The run, by a number of the executor's choice: other executors may have the same.
    pub instance: i64,
    /// When the attempt began.
    pub claimed_at_ms: i64,
}

/// A lease to prolong.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// The lease.
    pub lease: LeaseRef,
    /// The new end; the store cuts it to the attempt's `exec_deadline_ms` and to a cancellation's deadline.
    pub expires_at_ms: i64,
}

/// A lease that was prolonged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewedLease {
    /// The new end.
    pub expires_at_ms: i64,
    /// The cancellation, if one was requested.
    pub cancel: Option<CancelMark>,
    /// True if its executor is being drained: it is to take no new work.
    pub is_drained: bool,
}

/// A lease to give back.
#[derive(Clone, Debug)]
pub struct Release {
    /// The lease.
    pub lease: LeaseRef,
    /// [`AttemptEnding::Released`], [`AttemptEnding::Snoozed`], [`AttemptEnding::Surroundings`] or [`AttemptEnding::Removed`].
    pub ending: AttemptEnding,
    /// The earliest time of the next claim; `None` for at once.
    pub until_ms: Option<i64>,
    /// The cause of the wait, in words.
    pub reason: Option<String>,
    /// The name of what is out of order around it, with [`AttemptEnding::Surroundings`].
    pub surroundings: Option<String>,
}

impl Release {
    /// Returns a release that puts the process back into the queue at once, untouched.
    pub fn at_once(lease: LeaseRef) -> Self {
        Self { lease, ending: AttemptEnding::Released, until_ms: None, reason: None, surroundings: None }
    }
}

/// The result of an attempt to end a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Nothing changed: the lease was gone, held by another attempt or executor, or over.
    Lost,
    /// The lease ended as requested.
    Done,
    /// The lease ended, and the process is cancelled, because a cancellation was requested before.
    Cancelled,
}

/// A success to store.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The lease that it ends.
    pub lease: LeaseRef,
    /// The signed result.
    pub payload: Bytes,
    /// The result's signature.
    pub signature: Signature,
}

/// An attempt that did not succeed, and the next state of its process.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The lease that it ends.
    pub lease: LeaseRef,
    /// If given, the failure applies only if the lease, or its `max_exec`, is over at this time: a sweep must lose against a renewal
    /// that came in between.
    pub only_if_over_at_ms: Option<i64>,
    /// The outcome of the attempt.
    pub ending: AttemptEnding,
    /// The reason, in words.
    pub reason: String,
    /// The signed result, if the executor sent one.
    pub result: Option<(Bytes, Signature)>,
    /// [`ProcessState::Waiting`], [`ProcessState::Blocked`], [`ProcessState::Failed`], [`ProcessState::DeadLetter`]; or
    /// [`ProcessState::Cancelled`], which only a lease that is being cancelled can end in.
    pub next: ProcessState,
    /// The end of the wait, if `next` is blocked.
    pub blocked_until_ms: Option<i64>,
    /// The number of retries spent after this failure.
    pub retries_spent: i32,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnding {
    /// With a result.
    Succeeded,
    /// The executor reported a failure.
    Failed,
    /// The executor rejected the spec: its signatures did not verify.
    Refused,
    /// The lease expired without a renewal.
    LeaseLost,
    /// The attempt exceeded `max_exec`.
    ExecTimeExceeded,
    /// The executor gave it back untouched.
    Released,
    /// The executor gave it back, to be tried again later.
    Snoozed,
    /// The executor gave it back, because something around the work is out of order.
    Surroundings,
    /// The process was being cancelled, and the executor stopped, or the deadline ended the lease.
    Cancelled,
    /// The executor was removed.
    Removed,
}

impl AttemptEnding {
    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::LeaseLost => "lease_lost",
            Self::ExecTimeExceeded => "exec_time_exceeded",
            Self::Released => "released",
            Self::Snoozed => "snoozed",
            Self::Surroundings => "surroundings",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
        }
    }
}
