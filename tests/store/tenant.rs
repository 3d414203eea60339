//! A colony in a store, with a user, executors and processes of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiary_identity::{
    Document as _, Envelope, Grant, KeyPair, ManualClock, Requirements, Role, Scopes, Signature, Spec,
};
use apiary_store::Store;
use apiary_store::model::{
    AttemptEnding, Cancel, ClaimSlot, ClaimedLease, Colony, Completion, Failure, GrantKey, Lane, LeaseEnd, LeaseRef,
    NewProcess, Page, ProcessFilter, ProcessState, ProcessSummary, Renewal, RenewedLease, SlotGrant, SubmitResult,
};
use apiary_tests::Backend;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// The current time of the tests, in Unix milliseconds.
pub(crate) const NOW: i64 = 1_800_000_000_000;
/// Length of a lease, unless a test sets another.
pub(crate) const LEASE_MS: i64 = 30_000;
/// Size of a page that holds everything.
pub(crate) const ALL: i64 = 1000;
/// Answer for a lease that ended as requested.
pub(crate) const DONE: LeaseEnd = LeaseEnd::Done;
/// Answer for a lease that was lost.
pub(crate) const LOST: LeaseEnd = LeaseEnd::Lost;
/// The executor type of the tests' processes.
pub(crate) const KIND: &str = "finance";

/// A colony in a store.
pub(crate) struct Tenant {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: KeyPair,
    pub(crate) colony: Colony,
    pub(crate) user: GrantKey,
    pub(crate) user_key: KeyPair,
}

/// An executor of a colony.
#[derive(Clone)]
pub(crate) struct Bee {
    pub(crate) grant: GrantKey,
    pub(crate) name: String,
}

impl Tenant {
    /// Creates a colony on a store of its own.
    pub(crate) async fn on(backend: &Backend) -> Self {
        Self::in_store(&backend.open().await, "meadow").await
    }

    /// Creates a colony of this name, with a user `ada`.
    pub(crate) async fn in_store(store: &Arc<dyn Store>, name: &str) -> Self {
        let (key, user_key) = (KeyPair::generate(), KeyPair::generate());
        let colony = store.create_colony(&key.id(), name, NOW, None).await.unwrap();
        let grant = grant(&key, &user_key, Role::User, "ada");
        store.add_grant(&colony, &grant, &Envelope::seal(&key, &grant).unwrap(), NOW, None).await.unwrap();
        let user = store.grants_of_key(&colony, &user_key.id()).await.unwrap()[0].key;
        Self { store: store.clone(), key, colony, user, user_key }
    }

    /// Adds an executor of this name, with a key of its own.
    pub(crate) async fn bee(&self, name: &str) -> Bee {
        let grant = self.member(&KeyPair::generate(), Role::Executor, name).await;
        Bee { grant, name: name.to_owned() }
    }

    /// Adds a grant of this name for a key, which may have others.
    pub(crate) async fn member(&self, key: &KeyPair, role: Role, name: &str) -> GrantKey {
        let grant = grant(&self.key, key, role, name);
        let envelope = Envelope::seal(&self.key, &grant).unwrap();
        self.store.add_grant(&self.colony, &grant, &envelope, NOW, None).await.unwrap();
        let kept = self.store.grants_of_key(&self.colony, &key.id()).await.unwrap();
        kept.iter().map(|grant| grant.key).max_by_key(|key| key.0).expect("the grant was added")
    }

    /// Builds a process to submit, made later than all before it.
    pub(crate) fn process(&self) -> NewProcess {
        let process_id = Uuid::now_v7();
        let payload = Bytes::from(format!("{{\"process_id\":\"{process_id}\"}}"));
        let envelope = Envelope::sign(&self.user_key, Spec::PAYLOAD_TYPE, payload.clone());
        NewProcess {
            submit_by_ms: i64::MAX,
            requires: Requirements::default(),
            concurrency_key: None,
            rate_key: None,
            process_id,
            colony: self.colony.key,
            submitter: self.user,
            function: "validate_revenue".to_owned(),
            executor_type: KIND.to_owned(),
            executor_names: Vec::new(),
            priority: 0,
            priority_time_us: NOW,
            labels: BTreeMap::new(),
            max_wait_ms: 0,
            max_exec_ms: 0,
            max_retries: 3,
            not_before_ms: None,
            parents: Vec::new(),
            submitted_at_ms: NOW,
            idempotency: None,
            payload,
            digest: envelope.digest(),
            signature: envelope.signature,
        }
    }

    /// Returns the lane of the tests' processes.
    pub(crate) fn lane(&self) -> Lane {
        Lane { colony: self.colony.key, executor_type: KIND.to_owned() }
    }

    /// Submits a process, which must be accepted.
    pub(crate) async fn submit(&self, process: NewProcess) -> Uuid {
        let answers = self.store.submit(std::slice::from_ref(&process), process.submitted_at_ms).await.unwrap();
        assert!(matches!(answers[..], [SubmitResult::New { .. }]), "{answers:?}");
        process.process_id
    }

    /// Claims up to `count` at this time.
    pub(crate) async fn claim_at(&self, bee: &Bee, count: usize, now_ms: i64) -> Vec<ClaimedLease> {
        self.claim(&[bee.slot(count)], now_ms).await
    }

    /// Claims for these polls at this time.
    pub(crate) async fn claim(&self, slots: &[ClaimSlot], now_ms: i64) -> Vec<ClaimedLease> {
        self.store.claim(&self.lane(), slots, &at(now_ms)).await.unwrap().claimed
    }

    /// Claims the only waiting process.
    pub(crate) async fn claim_one(&self, bee: &Bee, now_ms: i64) -> LeaseRef {
        let claimed = self.claim_at(bee, 1, now_ms).await;
        bee.lease(claimed.first().expect("a process waits"))
    }

    /// Returns a process's summary.
    pub(crate) async fn summary(&self, process_id: Uuid) -> ProcessSummary {
        let found = self.store.summaries(&[process_id]).await.unwrap();
        found.into_iter().next().expect("the process is there")
    }

    /// Returns a process's state.
    pub(crate) async fn state(&self, process_id: Uuid) -> ProcessState {
        self.summary(process_id).await.state
    }

    /// Returns every process of the colony, newest first.
    pub(crate) async fn list(&self, filter: &ProcessFilter) -> Vec<Uuid> {
        let page = Page { size: ALL, after: None };
        let found = self.store.list_processes(self.colony.key, filter, page).await.unwrap();
        found.processes.into_iter().map(|process| process.process_id).collect()
    }
}

impl Bee {
    /// Builds a poll of this executor.
    pub(crate) fn slot(&self, count: usize) -> ClaimSlot {
        let scopes = Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] };
        let grant = SlotGrant { key: self.grant, name: self.name.clone(), scopes };
        ClaimSlot { grants: [grant].into(), offer: Arc::default(), count, lease_ms: LEASE_MS, instance: None }
    }

    /// Returns the token of a lease of this executor.
    pub(crate) fn lease(&self, claimed: &ClaimedLease) -> LeaseRef {
        LeaseRef { process_id: claimed.process_id, attempt: claimed.attempt, executor: self.grant }
    }
}

/// Creates a clock that stands still at this time.
pub(crate) fn at(now_ms: i64) -> ManualClock {
    ManualClock::new(Timestamp::from_millisecond(now_ms).expect("a time that can be represented"))
}

/// Builds a grant by this colony for everything.
pub(crate) fn grant(colony: &KeyPair, grantee: &KeyPair, role: Role, name: &str) -> Grant {
    Grant {
        colony: colony.id(),
        grant_id: Uuid::new_v4(),
        key: grantee.id(),
        role,
        name: name.to_owned(),
        scopes: Scopes { functions: vec!["*".to_owned()], executor_types: vec!["*".to_owned()] },
        rights: Vec::new(),
        valid_from: Timestamp::UNIX_EPOCH,
        valid_until: "2100-01-01T00:00:00Z".parse().unwrap(),
    }
}

/// Builds a success with this result.
pub(crate) fn completion(lease: LeaseRef, result: &str) -> Completion {
    Completion { lease, payload: Bytes::copy_from_slice(result.as_bytes()), signature: signature(9) }
}

/// Builds a renewal up to this time.
pub(crate) fn renewal(lease: LeaseRef, expires_at_ms: i64) -> Renewal {
    Renewal { lease, expires_at_ms }
}

/// Returns the new ends of renewed leases.
pub(crate) fn ends(renewed: Vec<Option<RenewedLease>>) -> Vec<Option<i64>> {
    renewed.into_iter().map(|renewed| Some(renewed?.expires_at_ms)).collect()
}

/// Builds a cancellation with this deadline.
pub(crate) fn cancellation(deadline_ms: i64) -> Cancel {
    Cancel { deadline_ms, reason: "the customer left".to_owned(), by: "grace".to_owned() }
}

/// Builds an executor's failure with an immediate retry.
pub(crate) fn failure(lease: LeaseRef) -> Failure {
    Failure {
        lease,
        only_if_over_at_ms: None,
        ending: AttemptEnding::Failed,
        reason: "the ledger is closed".to_owned(),
        result: Some((Bytes::from_static(b"{}"), signature(8))),
        next: ProcessState::Waiting,
        blocked_until_ms: None,
        retries_spent: 1,
    }
}

/// Builds the failure that a sweep writes for a lease that has ended at this time.
pub(crate) fn lost(lease: LeaseRef, now_ms: i64) -> Failure {
    Failure {
        only_if_over_at_ms: Some(now_ms),
        ending: AttemptEnding::LeaseLost,
        reason: "the lease was not renewed".to_owned(),
        result: None,
        ..failure(lease)
    }
}

/// Returns bytes like a signature's: with an odd number, those of a batch member, which are longer.
pub(crate) fn signature(number: u8) -> Signature {
    let place = [&[0, 0, 0, 0, 0, 0, 0, 2][..], &[number; 32]].concat();
    let bytes = [&[number; 64][..], if number % 2 == 1 { &place } else { &[] }].concat();
    Signature::from_bytes(bytes.into()).expect("a signature's length")
}
