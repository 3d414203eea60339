//! New work that is leased in the commit that stores it, to polls that wait.

use std::sync::atomic::{AtomicI64, Ordering};

use apiary_identity::Clock;
use apiary_store::model::{
    ClaimSlot, ClaimedLease, Limit, LimitKind, LimitPolicy, LimitRecord, NewProcess, Pause, PauseKind, PauseTarget,
    ProcessState, SubmitResult,
};
use apiary_tests::Backend;
use jiff::Timestamp;

use crate::revocations::revoke_key;
use crate::tenant::{Bee, DONE, KIND, LEASE_MS, NOW, Tenant, at, completion};

on_each_store!(
    new_work_goes_to_the_polls_that_wait_and_the_rest_into_the_queue,
    a_lease_that_was_handed_over_is_like_a_claimed_one,
    what_exists_already_is_not_leased,
    nothing_is_handed_over_past_what_stands_against_it,
    the_time_is_read_when_the_store_is_ready,
    each_lease_is_known_by_the_run_that_claimed_it,
    each_state_is_that_of_the_time_of_storing,
);

const WAITING: SubmitResult = SubmitResult::New { state: ProcessState::Waiting };
const RUNNING: SubmitResult = SubmitResult::New { state: ProcessState::Running };

async fn submit(
    tenant: &Tenant,
    processes: &[NewProcess],
    slots: &[ClaimSlot],
) -> (Vec<SubmitResult>, Vec<ClaimedLease>) {
    tenant.store.submit_leased(processes, &tenant.lane(), slots, &at(NOW)).await.unwrap()
}

async fn new_work_goes_to_the_polls_that_wait_and_the_rest_into_the_queue(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    let mut processes: Vec<NewProcess> = (0..6).map(|_| tenant.process()).collect();
    processes[4].priority_time_us = NOW - 1;
    processes[5].executor_type = "elsewhere".to_owned();
    let (answers, leased) = submit(&tenant, &processes, &[bee.slot(1), other.slot(2)]).await;
    assert_eq!(answers, [RUNNING, RUNNING, WAITING, WAITING, RUNNING, WAITING]);
    let mut given: Vec<_> = leased.iter().map(|lease| (lease.process_id, lease.slot, lease.executor)).collect();
    given.sort();
    let expected = [(0, 1, other.grant), (1, 1, other.grant), (4, 0, bee.grant)];
    assert_eq!(given, expected.map(|(number, slot, executor)| (processes[number].process_id, slot, executor)));
    let rest: Vec<_> = tenant.claim_at(&bee, 9, NOW).await.iter().map(|lease| lease.process_id).collect();
    assert_eq!(rest, [processes[2].process_id, processes[3].process_id]);
}

async fn a_lease_that_was_handed_over_is_like_a_claimed_one(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (claimed, plain) = (tenant.process(), tenant.process());
    let short = NewProcess { max_exec_ms: LEASE_MS / 3, max_wait_ms: 1, ..tenant.process() };
    let handed = [plain, short.clone()];
    let claimed_id = tenant.submit(claimed.clone()).await;
    let by_claim = tenant.claim_at(&bee, 1, NOW).await.remove(0);
    let (_, mut leased) = submit(&tenant, &handed, &[bee.slot(9)]).await;
    leased.sort_by_key(|lease| lease.process_id);
    assert_eq!(leased[0].expires_at_ms, by_claim.expires_at_ms);
    assert_eq!(leased[1].expires_at_ms, NOW + LEASE_MS / 3);
    let shape = |lease: &ClaimedLease| {
        (
            lease.function.clone(),
            lease.attempt,
            lease.retries_spent,
            lease.max_retries,
            lease.claimed_at_ms,
            lease.submitter,
        )
    };
    assert_eq!(shape(&leased[0]), shape(&by_claim));
    for (process, lease) in [(&claimed, &by_claim), (&handed[0], &leased[0]), (&short, &leased[1])] {
        assert_eq!((&lease.payload, lease.spec_digest), (&process.payload, Some(process.digest)));
        assert_eq!(&lease.signature[..], process.signature.as_bytes());
    }
    let ids = [claimed_id, leased[0].process_id, leased[1].process_id];
    let mut records = tenant.store.leases(&ids).await.unwrap();
    records.sort_by_key(|record| record.process_id);
    assert_eq!(
        records.iter().map(|record| record.exec_deadline_ms).collect::<Vec<_>>(),
        [None, None, Some(NOW + LEASE_MS / 3)]
    );
    assert_eq!((&records[1].lane, &records[1].function), (&records[0].lane, &records[0].function));
    // Nothing of them waits: not in the queue, and not for the end of `max_wait`.
    assert!(tenant.store.expire_waiting(NOW + 10, 9).await.unwrap().is_empty());
    let completions = [completion(leased[0].reference(), "{}"), completion(leased[1].reference(), "{}")];
    assert_eq!(tenant.store.complete(&completions, NOW + 1).await.unwrap(), [DONE, DONE]);
    let attempts = tenant.store.attempts(short.process_id).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1]);
}

async fn what_exists_already_is_not_leased(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let key = Some(("order-1".to_owned(), NOW + 1000));
    let first = NewProcess { idempotency: key.clone(), ..tenant.process() };
    let (answers, leased) = submit(&tenant, std::slice::from_ref(&first), &[bee.slot(9)]).await;
    assert_eq!((&answers[..], leased.len()), (&[RUNNING][..], 1));
    let same_key = NewProcess { idempotency: key, ..tenant.process() };
    let processes = [first.clone(), same_key, tenant.process()];
    let (answers, leased) = submit(&tenant, &processes, &[bee.slot(9)]).await;
    let existed = SubmitResult::Existed { process_id: first.process_id, state: ProcessState::Running };
    assert_eq!(answers, [existed, existed, RUNNING]);
    assert_eq!(leased.iter().map(|lease| lease.process_id).collect::<Vec<_>>(), [processes[2].process_id]);
}

async fn nothing_is_handed_over_past_what_stands_against_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    // An empty lane of each case's own, in a colony of its own.
    for case in ["nothing", "work", "colony", "type", "function", "other type", "drain", "limit", "revocation"] {
        let tenant = Tenant::in_store(&tenant.store, case).await;
        let bee = tenant.bee("bee").await;
        stand_against(&tenant, &bee, case).await;
        let (answers, leased) = submit(&tenant, &[tenant.process()], &[bee.slot(9)]).await;
        let is_given = matches!(case, "nothing" | "other type");
        assert_eq!(
            (&answers[..], leased.len()),
            if is_given { (&[RUNNING][..], 1) } else { (&[WAITING][..], 0) },
            "{case}"
        );
        assert_eq!(tenant.list(&Default::default()).await.len(), if case == "work" { 2 } else { 1 }, "{case}");
    }
    // What stands against one colony's work does not touch another's.
    assert_eq!(submit(&tenant, &[tenant.process()], &[bee.slot(1)]).await.1.len(), 1);
}

async fn stand_against(tenant: &Tenant, bee: &Bee, case: &str) {
    let (store, colony) = (&tenant.store, tenant.colony.key);
    let pause = async |kind, name: &str| {
        let what = PauseTarget { kind, name: name.to_owned() };
        let pause = Pause { what, reason: String::new(), by: "ada".to_owned(), since_ms: NOW };
        store.pause(colony, &pause, None).await.unwrap();
    };
    match case {
        "work" => drop(tenant.submit(tenant.process()).await),
        "colony" => pause(PauseKind::Colony, "").await,
        "type" => pause(PauseKind::ExecutorType, KIND).await,
        "other type" => pause(PauseKind::ExecutorType, "elsewhere").await,
        "function" => pause(PauseKind::Function, "any").await,
        "drain" => store.drain_executor(colony, "bee", "ada", NOW, None).await.unwrap(),
        "limit" => {
            let (kind, pattern) = (LimitKind::ExecutorType, KIND.to_owned());
            let limit = Limit { kind, pattern, running_max: Some(1), rate: None, policy: LimitPolicy::Queue };
            store.set_limit(colony, &LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW }, None).await.unwrap();
        }
        "revocation" => revoke_key(tenant, bee).await,
        _ => {}
    }
}

async fn the_time_is_read_when_the_store_is_ready(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (lane, slots, processes) = (tenant.lane(), [bee.slot(1)], [tenant.process()]);
    let (_, leased) = tenant.store.submit_leased(&processes, &lane, &slots, &at(NOW + 5000)).await.unwrap();
    assert_eq!((leased[0].claimed_at_ms, leased[0].expires_at_ms), (NOW + 5000, NOW + 5000 + LEASE_MS));
}

async fn each_lease_is_known_by_the_run_that_claimed_it(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, other) = (tenant.bee("bee").await, tenant.bee("other").await);
    let of = |bee: &Bee, instance| ClaimSlot { instance, ..bee.slot(1) };
    let mut expected = Vec::new();
    // Each way to a lease: handed over, a plain claim, and one that looks closer.
    for way in 0..3 {
        for (slot, is_asked) in [
            (of(&bee, Some(5)), true),
            (of(&bee, Some(6)), false),
            (of(&bee, None), false),
            (of(&other, Some(5)), false),
        ] {
            let names = if way == 2 { vec!["bee".to_owned(), "other".to_owned()] } else { Vec::new() };
            let process = NewProcess { executor_names: names, ..tenant.process() };
            let leased = if way == 0 {
                submit(&tenant, &[process], &[slot]).await.1
            } else {
                tenant.submit(process).await;
                tenant.claim(&[slot], NOW).await
            };
            assert_eq!(leased.len(), 1);
            expected.extend(leased.iter().filter(|_| is_asked).map(ClaimedLease::reference));
        }
    }
    let mut found = tenant.store.leases_of_instances(&[5, 9]).await.unwrap();
    assert!(found.iter().all(|one| (one.instance, one.claimed_at_ms) == (5, NOW)), "{found:?}");
    found.retain(|one| one.lease.executor == bee.grant);
    let mut found: Vec<_> = found.into_iter().map(|one| one.lease).collect();
    found.sort_by_key(|lease| lease.process_id);
    expected.sort_by_key(|lease| lease.process_id);
    assert_eq!(found, expected);
    assert!(tenant.store.leases_of_instances(&[]).await.unwrap().is_empty());
}

/// A clock that is a second later each time it is read.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1000, Ordering::SeqCst)).unwrap()
    }
}

async fn each_state_is_that_of_the_time_of_storing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let early = |seconds: i64| NewProcess { not_before_ms: Some(NOW + seconds * 1000 - 500), ..tenant.process() };
    let processes = [tenant.process(), early(1), early(2), early(3), early(9)];
    let (lane, slots) = (tenant.lane(), [bee.slot(9)]);
    let clock = Ticking(AtomicI64::new(NOW));
    let (answers, _) = tenant.store.submit_leased(&processes, &lane, &slots, &clock).await.unwrap();
    for (process, answer) in processes.iter().zip(answers) {
        assert_eq!(answer, SubmitResult::New { state: tenant.state(process.process_id).await });
    }
}
