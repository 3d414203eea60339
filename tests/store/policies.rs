//! Limits whose policy cancels excess processes, in the transaction of the submit.

use std::collections::BTreeSet;

use apiary_store::model::{Limit, LimitKind, LimitPolicy, LimitRecord, NewProcess, ProcessState, SubmitResult};
use apiary_tests::Backend;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::tenant::{NOW, Tenant};

on_each_store!(
    the_newest_are_dropped_and_say_so,
    the_oldest_make_room_for_the_new,
    what_runs_is_marked_and_ends_by_a_deadline,
    what_is_blocked_counts_too,
    a_repeat_cancels_nothing,
    other_keys_and_other_policies_are_left_alone,
    submits_at_once_never_leave_more_than_the_limit,
);

async fn the_newest_are_dropped_and_say_so(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    set(&tenant, LimitPolicy::DropNewest, 3).await;
    let batch: Vec<NewProcess> = (0..5).map(|number| keyed(&tenant, number)).collect();
    let (answers, cancelled) = tenant.store.submit_limited(&batch, NOW).await.unwrap();
    use ProcessState::{Cancelled, Waiting};
    assert_eq!(states(&answers), [Waiting, Waiting, Waiting, Cancelled, Cancelled]);
    let expected: BTreeSet<Uuid> = batch[3..].iter().map(|process| process.process_id).collect();
    assert_eq!(cancelled.iter().map(|(_, process_id)| *process_id).collect::<BTreeSet<_>>(), expected);
    let (answers, _) = tenant.store.submit_limited(&[keyed(&tenant, 9)], NOW).await.unwrap();
    assert_eq!(states(&answers), [Cancelled]);
    let dropped = tenant.summary(batch[4].process_id).await;
    assert_eq!((dropped.state, dropped.ended_by.as_deref()), (Cancelled, Some("limit")));
    assert!(dropped.reason.unwrap().starts_with("limit: at most 3 of concurrency key `k`"));
}

async fn the_oldest_make_room_for_the_new(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    set(&tenant, LimitPolicy::CancelOldest, 2).await;
    // The priority decides which process is next, not which is the oldest.
    let first = NewProcess { priority: 5, priority_time_us: NOW - 5 * 86_400_000_000, ..keyed(&tenant, 0) };
    let second = NewProcess { priority_time_us: NOW + 1, ..keyed(&tenant, 1) };
    for process in [&first, &second] {
        assert_eq!(tenant.store.submit_limited(std::slice::from_ref(process), NOW).await.unwrap().1, []);
    }
    let third = keyed(&tenant, 2);
    let (answers, cancelled) = tenant.store.submit_limited(std::slice::from_ref(&third), NOW).await.unwrap();
    assert_eq!(states(&answers), [ProcessState::Waiting]);
    assert_eq!(cancelled, [(tenant.colony.key, first.process_id)]);
    assert_eq!(tenant.state(first.process_id).await, ProcessState::Cancelled);
    // A lowered limit applies from the next submit on.
    set(&tenant, LimitPolicy::CancelOldest, 1).await;
    assert_eq!(tenant.state(second.process_id).await, ProcessState::Waiting);
    let (_, cancelled) = tenant.store.submit_limited(&[keyed(&tenant, 3)], NOW).await.unwrap();
    assert_eq!(cancelled.len(), 2);
}

async fn what_runs_is_marked_and_ends_by_a_deadline(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    set(&tenant, LimitPolicy::CancelOldest, 1).await;
    let running = keyed(&tenant, 0);
    tenant.store.submit_limited(std::slice::from_ref(&running), NOW).await.unwrap();
    tenant.claim_one(&bee, NOW).await;
    let next = keyed(&tenant, 1);
    tenant.store.submit_limited(std::slice::from_ref(&next), NOW).await.unwrap();
    let marked = tenant.summary(running.process_id).await;
    assert_eq!((marked.state, marked.cancel_deadline_ms), (ProcessState::Running, Some(NOW + 30_000)));
    assert!(tenant.claim_at(&bee, 9, NOW).await.is_empty(), "its place is not free before it has ended");
    // Of three, one being cancelled and one waiting make room for the last.
    let last = keyed(&tenant, 2);
    let (answers, _) = tenant.store.submit_limited(std::slice::from_ref(&last), NOW + 1).await.unwrap();
    assert_eq!(states(&answers), [ProcessState::Waiting]);
    assert_eq!(tenant.state(next.process_id).await, ProcessState::Cancelled);
    assert_eq!(tenant.summary(running.process_id).await.cancel_deadline_ms, Some(NOW + 30_000), "the earlier deadline");
}

async fn what_is_blocked_counts_too(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    set(&tenant, LimitPolicy::DropNewest, 1).await;
    let blocked = NewProcess { not_before_ms: Some(NOW + 5000), ..keyed(&tenant, 0) };
    let (answers, _) = tenant.store.submit_limited(std::slice::from_ref(&blocked), NOW).await.unwrap();
    assert_eq!(states(&answers), [ProcessState::Blocked]);
    let (answers, _) = tenant.store.submit_limited(&[keyed(&tenant, 1)], NOW).await.unwrap();
    assert_eq!(states(&answers), [ProcessState::Cancelled]);
    set(&tenant, LimitPolicy::CancelOldest, 1).await;
    let (_, cancelled) = tenant.store.submit_limited(&[keyed(&tenant, 2)], NOW).await.unwrap();
    assert_eq!(cancelled, [(tenant.colony.key, blocked.process_id)]);
}

async fn a_repeat_cancels_nothing(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    set(&tenant, LimitPolicy::CancelOldest, 1).await;
    let process = keyed(&tenant, 0);
    for _ in 0..2 {
        let (_, cancelled) = tenant.store.submit_limited(std::slice::from_ref(&process), NOW).await.unwrap();
        assert_eq!(cancelled, []);
    }
    assert_eq!(tenant.state(process.process_id).await, ProcessState::Waiting);
}

async fn other_keys_and_other_policies_are_left_alone(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let other = Tenant::in_store(&tenant.store, "orchard").await;
    set(&tenant, LimitPolicy::CancelOldest, 1).await;
    let free = NewProcess { concurrency_key: Some("other".to_owned()), ..keyed(&tenant, 0) };
    let batch = [
        free.clone(),
        NewProcess { process_id: Uuid::now_v7(), ..free.clone() },
        tenant.process(),
        keyed(&other, 0),
        keyed(&other, 1),
    ];
    let (answers, cancelled) = tenant.store.submit_limited(&batch, NOW).await.unwrap();
    assert_eq!((states(&answers), cancelled), (vec![ProcessState::Waiting; 5], Vec::new()));
    set(&tenant, LimitPolicy::Queue, 1).await;
    let batch = [keyed(&tenant, 1), keyed(&tenant, 2)];
    assert_eq!(tenant.store.submit_limited(&batch, NOW).await.unwrap().1, []);
}

async fn submits_at_once_never_leave_more_than_the_limit(backend: Backend) {
    for policy in [LimitPolicy::DropNewest, LimitPolicy::CancelOldest] {
        let tenant = Tenant::in_store(&backend.open().await, policy.as_str().split('_').next().unwrap()).await;
        set(&tenant, policy, 3).await;
        let mut submits = JoinSet::new();
        let mut ids = Vec::new();
        for number in 0..20 {
            let (store, process) = (tenant.store.clone(), keyed(&tenant, number));
            ids.push(process.process_id);
            submits.spawn(async move { store.submit_limited(&[process], NOW).await.unwrap() });
        }
        submits.join_all().await;
        let mut waiting = 0;
        for process_id in ids {
            match tenant.state(process_id).await {
                ProcessState::Waiting => waiting += 1,
                state => assert_eq!(state, ProcessState::Cancelled),
            }
        }
        assert_eq!(waiting, 3, "{policy:?}");
    }
}

fn keyed(tenant: &Tenant, number: i64) -> NewProcess {
    NewProcess { concurrency_key: Some("k".to_owned()), priority_time_us: NOW + number, ..tenant.process() }
}

fn states(answers: &[SubmitResult]) -> Vec<ProcessState> {
    let state = |answer: &SubmitResult| match answer {
        SubmitResult::New { state } | SubmitResult::Existed { state, .. } => Some(*state),
        SubmitResult::IdTaken => None,
    };
    answers.iter().map(|answer| state(answer).expect("no id is taken")).collect()
}

async fn set(tenant: &Tenant, policy: LimitPolicy, running_max: i32) {
    let (kind, pattern) = (LimitKind::ConcurrencyKey, "k*".to_owned());
    let limit = Limit { kind, pattern, running_max: Some(running_max), policy, rate: None };
    let record = LimitRecord { limit, by: "ada".to_owned(), set_at_ms: NOW };
    assert!(tenant.store.set_limit(tenant.colony.key, &record, None).await.unwrap());
}
