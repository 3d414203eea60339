//! Leases, as kept.

use std::sync::Arc;

use apiary_identity::{Digest, Offer, Scopes};
use bytes::Bytes;
use uuid::Uuid;

use super::{ColonyKey, GrantKey, ProcessState};

/// Where work waits: one queue for each executor type of each colony.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The tenant.
    pub colony: ColonyKey,
    /// The executor type.
    pub executor_type: String,
}

/// One poll that waits for work. There may be thousands of one lane, and each look into the lane needs them all: the large parts
/// are shared.
#[derive(Clone, Debug)]
pub struct ClaimSlot {
    /// The executor's grants that cover the lane's executor type, the oldest first. A lease is given under the first that covers
    /// the work, so that a result signed under it can be verified.
    pub grants: Arc<[SlotGrant]>,
    /// What the executor has.
    pub offer: Arc<Offer>,
    /// At most this many.
    pub count: usize,
    /// How long each lease lasts.
    pub lease_ms: i64,
}

/// One of the grants that an executor claims under.
#[derive(Clone, Debug)]
pub struct SlotGrant {
    /// The grant.
    pub key: GrantKey,
    /// The executor's name in it, for work that is aimed at names.
    pub name: String,
    /// What it covers.
    pub scopes: Scopes,
}

/// What a look into a lane gave.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The leases, in the order of their processes.
    pub claimed: Vec<Claimed>,
    /// The look ended before the end of the lane: more may wait.
    pub has_more: bool,
    /// It counted limits, for which all such looks of a colony take turns.
    pub is_counted: bool,
    /// The slots whose executor is being drained: they get nothing, and need not wait for it.
    pub drained: Vec<usize>,
    /// A limit kept work from being given.
    pub is_held: bool,
    /// Some of that waits for the end of something that runs.
    pub waits_for_place: bool,
    /// When the next of it may start, where a rate keeps it.
    pub next_start_ms: Option<i64>,
}

/// A lease that was just made, with what the executor needs.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which of the claim's slots got it.
    pub slot: usize,
    /// The grant that it is leased to: one of the slot's.
    pub executor: GrantKey,
    /// The process.
    pub process_id: Uuid,
    /// The attempt's number, from 1; it fences.
    pub attempt: i32,
    /// How many retries are spent before this attempt.
    pub retries_spent: i32,
    /// Attempts after the first; −1 for no limit.
    pub max_retries: i32,
    /// When the lease ends.
    pub expires_at_ms: i64,
    /// The submitter's grant.
    pub submitter: GrantKey,
    /// The signed spec.
    pub payload: Bytes,
    /// Its signature, as kept.
    pub signature: Vec<u8>,
}

/// A lease as it is now, with what deciding about it needs.
#[derive(Clone, Debug)]
pub struct LeaseRecord {
    /// The process.
    pub process_id: Uuid,
    /// Its colony and executor type.
    pub lane: Lane,
    /// The function to be done.
    pub function: String,
    /// The attempt's number.
    pub attempt: i32,
    /// The executor's grant.
    pub executor: GrantKey,
    /// How many retries are spent.
    pub retries_spent: i32,
    /// Attempts after the first; −1 for no limit.
    pub max_retries: i32,
    /// When the attempt began.
    pub claimed_at_ms: i64,
    /// When the lease ends.
    pub expires_at_ms: i64,
    /// When `max_exec` ends the attempt, renewed or not.
    pub exec_deadline_ms: Option<i64>,
    /// Names the spec's signed bytes.
    pub spec_digest: Digest,
    /// That it is being cancelled, if it is.
    pub cancel: Option<CancelMark>,
}

/// That a running process is to be cancelled: it is when its lease ends, however that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelMark {
    /// When the lease ends at the latest.
    pub deadline_ms: i64,
    /// Why, in words.
    pub reason: String,
    /// Who asked for it, by name.
    pub by: String,
}

/// A lease by its fencing token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The process.
    pub process_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// The grant that holds it.
    pub executor: GrantKey,
}

/// A lease to prolong.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// Which.
    pub lease: LeaseRef,
    /// Its new end; the store cuts it to the attempt's `exec_deadline_ms` and to a cancellation's deadline.
    pub expires_at_ms: i64,
}

/// A lease that was prolonged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Its new end.
    pub expires_at_ms: i64,
    /// That it is being cancelled, if it is.
    pub cancel: Option<CancelMark>,
    /// Its executor is to take no new work.
    pub is_drained: bool,
}

/// A lease to give back.
#[derive(Clone, Debug)]
pub struct Release {
    /// Which.
    pub lease: LeaseRef,
    /// [`AttemptEnding::Released`], [`AttemptEnding::Snoozed`], [`AttemptEnding::Surroundings`] or [`AttemptEnding::Removed`].
    pub ending: AttemptEnding,
    /// Not to be claimed again before this time; `None` waits again at once.
    pub until_ms: Option<i64>,
    /// In words, what is waited for.
    pub reason: Option<String>,
    /// The name of what is out of order around it, with [`AttemptEnding::Surroundings`].
    pub surroundings: Option<String>,
}

impl Release {
    /// Back to the queue at once, untouched.
    pub fn at_once(lease: LeaseRef) -> Self {
        Self { lease, ending: AttemptEnding::Released, until_ms: None, reason: None, surroundings: None }
    }
}

/// What became of a lease that somebody wanted to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// Nothing: it was gone, of another attempt or executor, or over.
    Lost,
    /// It ended as it was asked for.
    Done,
    /// It was being cancelled: it ended, and the process is cancelled.
    Cancelled,
}

/// A success to keep.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Which lease it ends.
    pub lease: LeaseRef,
    /// The signed result.
    pub payload: Bytes,
    /// Its signature.
    pub signature: [u8; 64],
}

/// An attempt that did not succeed, and what becomes of the process.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which lease it ends.
    pub lease: LeaseRef,
    /// If given, only if the lease, or its `max_exec`, is over at this time: a sweep must lose against a renewal
    /// that came in between.
    pub only_if_over_at_ms: Option<i64>,
    /// How the attempt ended.
    pub ending: AttemptEnding,
    /// In words.
    pub reason: String,
    /// The signed result, if the executor sent one.
    pub result: Option<(Bytes, [u8; 64])>,
    /// [`ProcessState::Waiting`], [`ProcessState::Blocked`], [`ProcessState::Failed`], [`ProcessState::DeadLetter`]; or
    /// [`ProcessState::Cancelled`], which only a lease that is being cancelled can end in.
    pub next: ProcessState,
    /// Until when, if `next` is blocked.
    pub blocked_until_ms: Option<i64>,
    /// Retries spent from now on.
    pub retries_spent: i32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnding {
    /// With a result.
    Succeeded,
    /// The executor said so.
    Failed,
    /// The executor did not believe the spec.
    Refused,
    /// The lease was not renewed.
    LeaseLost,
    /// `max_exec` was over.
    ExecTimeExceeded,
    /// The executor gave it back untouched.
    Released,
    /// The executor gave it back, to be tried again later.
    Snoozed,
    /// The executor gave it back, because something around the work is out of order.
    Surroundings,
    /// The process was being cancelled, and the executor stopped, or was stopped at the deadline.
    Cancelled,
    /// The executor was removed.
    Removed,
}

impl AttemptEnding {
    /// The word in tables and on the wire.
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
