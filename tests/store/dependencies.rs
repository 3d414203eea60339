//! Processes that wait for others.

use apiary_store::model::{Discard, Effect, NewProcess, ProcessState, SettleResult, SubmitResult};
use apiary_tests::Backend;
use uuid::Uuid;

use crate::tenant::{ALL, Bee, DONE, NOW, Tenant, cancellation, completion, failure};

on_each_store!(
    a_child_waits_for_all_of_its_parents,
    a_parent_that_failed_holds_its_children_until_it_is_redriven,
    what_is_waited_for_in_vain_is_cancelled_down_to_the_last,
    a_childs_wait_begins_when_its_parents_are_done,
    a_child_that_is_early_waits_for_its_time_too,
    a_replacement_is_waited_for_in_the_place_of_the_old,
    a_parent_that_was_deleted_after_its_success_holds_nobody,
    what_waits_for_parents_is_cancelled_and_deleted_and_not_tried_now,
    a_repeated_submit_makes_nobody_wait_twice,
    a_great_family_is_settled_in_parts,
    parents_that_end_at_once_free_their_child_once,
    a_replacement_whose_broker_died_in_between_is_waited_for,
    what_is_there_already_takes_nobodys_place,
    a_replaced_parent_that_is_deleted_leaves_its_children_to_the_other,
);

impl Tenant {
    pub(crate) fn child(&self, parents: &[Uuid]) -> NewProcess {
        NewProcess { parents: parents.to_vec(), ..self.process() }
    }

    async fn succeed(&self, bee: &Bee, process_id: Uuid) {
        let lease = self.claim_one(bee, NOW).await;
        assert_eq!(lease.process_id, process_id);
        assert_eq!(self.store.complete(&[completion(lease, "{}")], NOW).await.unwrap(), [DONE]);
    }

    async fn settle(&self, parents: Option<&[Uuid]>) -> SettleResult {
        let parents = match parents {
            Some(parents) => parents.to_vec(),
            None => self.store.ended_parents(ALL).await.unwrap(),
        };
        self.store.settle(&parents, NOW, ALL).await.unwrap()
    }

    /// Settles until there is nothing left to settle.
    async fn settle_all(&self) -> Vec<Uuid> {
        let mut cancelled = Vec::new();
        loop {
            let settled = self.settle(None).await;
            cancelled.extend(settled.cancelled.into_iter().map(|(_, process_id)| process_id));
            if settled.ended == 0 {
                return cancelled;
            }
        }
    }

    async fn unblocked(&self, now_ms: i64) -> Vec<Uuid> {
        let moved = self.store.unblock(now_ms, ALL).await.unwrap();
        moved.into_iter().map(|(process_id, _)| process_id).collect()
    }
}

async fn a_child_waits_for_all_of_its_parents(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (one, other) = (tenant.submit(tenant.process()).await, tenant.submit(tenant.process()).await);
    let child = tenant.child(&[one, other]);
    let answers = tenant.store.submit(std::slice::from_ref(&child), NOW).await.unwrap();
    assert_eq!(answers, [SubmitResult::New { state: ProcessState::Blocked }]);
    let child = child.process_id;
    let shown = tenant.summary(child).await;
    assert_eq!((shown.blocked_cause.as_deref(), shown.until_ms), (Some("parents"), None));
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), None, "no time frees it");

    tenant.succeed(&bee, one).await;
    let settled = tenant.settle(Some(&[one, other])).await;
    assert_eq!((settled.ended, settled.freed), (1, Vec::new()));
    assert!(tenant.unblocked(NOW).await.is_empty());
    let kept = tenant.store.explain(tenant.colony.key, child, NOW).await.unwrap().unwrap();
    assert_eq!(kept.parents, [(other, Some(ProcessState::Waiting))]);

    tenant.succeed(&bee, other).await;
    assert_eq!(tenant.settle(Some(&[one])).await.ended, 0, "only those asked for are looked at");
    assert_eq!(tenant.settle(Some(&[other])).await.freed, [child]);
    assert_eq!(tenant.unblocked(NOW).await, [child]);
    tenant.succeed(&bee, child).await;
}

async fn a_parent_that_failed_holds_its_children_until_it_is_redriven(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    for state in [ProcessState::Failed, ProcessState::DeadLetter] {
        let parent = tenant.submit(tenant.process()).await;
        let child = tenant.submit(tenant.child(&[parent])).await;
        let mut failure = failure(tenant.claim_one(&bee, NOW).await);
        failure.next = state;
        assert_eq!(tenant.store.fail(&[failure], NOW).await.unwrap(), [DONE]);
        assert_eq!(tenant.settle(None).await.ended, 0);
        assert!(tenant.unblocked(i64::MAX).await.is_empty());
        assert_eq!(tenant.state(child).await, ProcessState::Blocked);
        assert_eq!(tenant.store.redrive(tenant.colony.key, &[parent], NOW, None).await.unwrap(), [Effect::Changed]);
        tenant.succeed(&bee, parent).await;
        assert_eq!(tenant.settle(None).await.freed, [child]);
        assert_eq!(tenant.unblocked(NOW).await, [child]);
        tenant.succeed(&bee, child).await;
    }
}

async fn what_is_waited_for_in_vain_is_cancelled_down_to_the_last(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let colony = tenant.colony.key;
    for is_deleted in [false, true] {
        let parent = tenant.submit(tenant.process()).await;
        let other = tenant.submit(tenant.process()).await;
        let child = tenant.submit(tenant.child(&[parent, other])).await;
        let grandchild = tenant.submit(tenant.child(&[child])).await;
        let effects = match is_deleted {
            true => tenant.store.delete(colony, &[parent], None).await.unwrap(),
            false => tenant.store.cancel(colony, &[parent], &cancellation(NOW), NOW, None).await.unwrap(),
        };
        assert_eq!(effects, [Effect::Changed]);
        assert_eq!(tenant.settle_all().await, [child, grandchild]);
        let shown = tenant.summary(child).await;
        let end = if is_deleted { "deleted" } else { "cancelled" };
        assert_eq!(shown.reason, Some(format!("its parent {parent} was {end}")));
        assert_eq!((shown.state, shown.since_ms, shown.ended_by), (ProcessState::Cancelled, NOW, None));
        assert_eq!(tenant.summary(grandchild).await.reason, Some(format!("its parent {child} was cancelled")));
        assert_eq!(tenant.state(other).await, ProcessState::Waiting, "nobody else is touched");
        tenant.store.cancel(colony, &[other], &cancellation(NOW), NOW, None).await.unwrap();
    }
}

async fn a_childs_wait_begins_when_its_parents_are_done(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = tenant.submit(tenant.process()).await;
    let child = tenant.submit(NewProcess { max_wait_ms: 100, ..tenant.child(&[parent]) }).await;
    assert!(tenant.store.expire_waiting(NOW + 1000, ALL).await.unwrap().is_empty());
    tenant.succeed(&bee, parent).await;
    tenant.settle(None).await;
    assert_eq!(tenant.unblocked(NOW + 1000).await, [child]);
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 1100));
    assert!(tenant.store.expire_waiting(NOW + 1099, ALL).await.unwrap().is_empty());
    assert_eq!(tenant.store.expire_waiting(NOW + 1100, ALL).await.unwrap().len(), 1);
    assert_eq!(tenant.state(child).await, ProcessState::Failed);
}

async fn a_child_that_is_early_waits_for_its_time_too(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = tenant.submit(tenant.process()).await;
    let child = tenant.submit(NewProcess { not_before_ms: Some(NOW + 50), ..tenant.child(&[parent]) }).await;
    assert!(tenant.unblocked(NOW + 50).await.is_empty(), "its time alone does not free it");
    let shown = tenant.summary(child).await;
    assert_eq!((shown.blocked_cause.as_deref(), shown.until_ms), (Some("parents"), Some(NOW + 50)));
    tenant.succeed(&bee, parent).await;
    assert_eq!(tenant.settle(None).await.freed, [child]);
    assert_eq!(tenant.summary(child).await.blocked_cause.as_deref(), Some("not_before"));
    assert_eq!(tenant.store.next_deadline_ms().await.unwrap(), Some(NOW + 50));
    assert!(tenant.unblocked(NOW + 49).await.is_empty());
    assert_eq!(tenant.unblocked(NOW + 50).await, [child]);
}

async fn a_replacement_is_waited_for_in_the_place_of_the_old(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, colony) = (tenant.bee("bee").await, tenant.colony.key);
    let old = tenant.submit(tenant.process()).await;
    let mut failure = failure(tenant.claim_one(&bee, NOW).await);
    failure.next = ProcessState::DeadLetter;
    tenant.store.fail(&[failure], NOW).await.unwrap();
    let new = tenant.process();
    let (new_id, child) = (new.process_id, tenant.submit(tenant.child(&[old])).await);
    assert_eq!(tenant.store.replace(colony, old, new_id, NOW).await.unwrap(), Effect::Changed);
    let both = tenant.submit(tenant.child(&[old, new_id])).await;
    let (settled, one) = (tenant.settle(Some(&[old])).await, new);
    assert_eq!(settled.ended, 0, "until the new one is there, the old one is waited for");
    tenant.submit(one).await;
    let order = Discard { reason: "redriven".to_owned(), by: "grace".to_owned(), is_replaced: true };
    assert_eq!(tenant.store.discard(colony, &[old], &order, NOW, None).await.unwrap(), [Effect::Changed]);
    let mut passed_on = 0;
    for _ in 0..2 {
        let settled = tenant.store.settle(&[old], NOW, 1).await.unwrap();
        assert!(settled.freed.is_empty() && settled.cancelled.is_empty());
        assert_eq!(settled.replacements, [new_id], "it may have ended, too");
        passed_on += settled.ended;
    }
    assert_eq!((passed_on, tenant.settle(Some(&[old])).await.ended), (2, 0));
    for process_id in [child, both] {
        let kept = tenant.store.explain(colony, process_id, NOW).await.unwrap().unwrap();
        assert_eq!(kept.parents, [(new_id, Some(ProcessState::Waiting))]);
    }
    tenant.succeed(&bee, new_id).await;
    let mut freed = tenant.settle(Some(&[new_id])).await.freed;
    freed.sort();
    assert_eq!(freed, [child, both]);
    assert_eq!(tenant.unblocked(NOW).await.len(), 2);
}

async fn a_parent_that_was_deleted_after_its_success_holds_nobody(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = tenant.submit(tenant.process()).await;
    let child = tenant.submit(tenant.child(&[parent])).await;
    tenant.succeed(&bee, parent).await;
    assert_eq!(tenant.store.delete(tenant.colony.key, &[parent], None).await.unwrap(), [Effect::Changed]);
    assert_eq!(tenant.settle(None).await.freed, [child]);
}

async fn what_waits_for_parents_is_cancelled_and_deleted_and_not_tried_now(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let colony = tenant.colony.key;
    let parent = tenant.submit(tenant.process()).await;
    let (one, other) = (tenant.submit(tenant.child(&[parent])).await, tenant.submit(tenant.child(&[parent])).await);
    assert_eq!(tenant.store.retry(colony, &[one], NOW, None).await.unwrap(), [Effect::HasParents]);
    assert_eq!(tenant.state(one).await, ProcessState::Blocked);
    assert_eq!(tenant.store.cancel(colony, &[one], &cancellation(NOW), NOW, None).await.unwrap(), [Effect::Changed]);
    assert_eq!(tenant.store.delete(colony, &[other], None).await.unwrap(), [Effect::Changed]);
    let bee = tenant.bee("bee").await;
    tenant.succeed(&bee, parent).await;
    let settled = tenant.settle(None).await;
    assert_eq!((settled.freed, settled.cancelled), (Vec::new(), Vec::new()));
    assert_eq!(tenant.state(one).await, ProcessState::Cancelled);
    assert_eq!(tenant.settle(None).await.ended, 0, "nothing of it is left");
}

async fn a_repeated_submit_makes_nobody_wait_twice(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = tenant.submit(tenant.process()).await;
    let child = tenant.child(&[parent]);
    tenant.submit(child.clone()).await;
    let existed = SubmitResult::Existed { process_id: child.process_id, state: ProcessState::Blocked };
    assert_eq!(tenant.store.submit(std::slice::from_ref(&child), NOW).await.unwrap(), [existed]);
    tenant.succeed(&bee, parent).await;
    assert_eq!(tenant.settle(None).await.freed, [child.process_id]);
}

async fn a_great_family_is_settled_in_parts(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let parent = tenant.submit(tenant.process()).await;
    // Ten that wait for one process, and ten that wait for two that are never submitted.
    let never = [(); 2].map(|()| Uuid::now_v7());
    for (one, count) in [(parent, 10), (never[0], 5), (never[1], 5)] {
        let children: Vec<NewProcess> = (0..count).map(|_| tenant.child(&[one])).collect();
        tenant.store.submit(&children, NOW).await.unwrap();
    }
    tenant.succeed(&bee, parent).await;
    let (mut freed, mut cancelled, mut parts) = (0, 0, 0);
    loop {
        let ended = tenant.store.ended_parents(ALL).await.unwrap();
        let settled = tenant.store.settle(&ended, NOW, 3).await.unwrap();
        if settled.ended == 0 {
            break;
        }
        assert!(settled.freed.len() <= 3 && settled.cancelled.len() <= 3);
        (freed, cancelled, parts) = (freed + settled.freed.len(), cancelled + settled.cancelled.len(), parts + 1);
    }
    assert_eq!((freed, cancelled, parts), (10, 10, 4));
}

async fn parents_that_end_at_once_free_their_child_once(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let mut parents = Vec::new();
    for _ in 0..8 {
        parents.push(tenant.submit(tenant.process()).await);
    }
    let child = tenant.submit(tenant.child(&parents)).await;
    let ends = parents.iter().map(|_| async {
        let lease = tenant.claim_one(&bee, NOW).await;
        assert_eq!(tenant.store.complete(&[completion(lease, "{}")], NOW).await.unwrap(), [DONE]);
        tenant.settle(Some(&[lease.process_id])).await.freed
    });
    let mut freed: Vec<Uuid> = futures::future::join_all(ends).await.into_iter().flatten().collect();
    // Children that one settle skipped because another had them locked are found by the settle of all.
    freed.extend(tenant.settle(None).await.freed);
    assert_eq!(freed, [child]);
    assert_eq!(tenant.unblocked(NOW).await, [child]);
}

/// Creates a dead letter, a child that waits for it, and its replacement, which is not submitted.
async fn replaced(tenant: &Tenant, bee: &Bee) -> (Uuid, Uuid, NewProcess) {
    let (old, new) = (tenant.submit(tenant.process()).await, tenant.process());
    let mut failure = failure(tenant.claim_one(bee, NOW).await);
    failure.next = ProcessState::DeadLetter;
    tenant.store.fail(&[failure], NOW).await.unwrap();
    let child = tenant.submit(tenant.child(&[old])).await;
    let effect = tenant.store.replace(tenant.colony.key, old, new.process_id, NOW).await.unwrap();
    assert_eq!(effect, Effect::Changed);
    (old, child, new)
}

async fn a_replacement_whose_broker_died_in_between_is_waited_for(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (old, child, new) = replaced(&tenant, &bee).await;
    assert_eq!(tenant.settle(None).await.ended, 0);
    let new_id = tenant.submit(new).await;
    assert_eq!(tenant.store.parents(tenant.colony.key, &[old]).await.unwrap()[&old].replaced_by, Some(new_id));
    assert_eq!(tenant.settle(None).await.replacements, [new_id]);
    tenant.succeed(&bee, new_id).await;
    assert_eq!(tenant.settle(None).await.freed, [child]);
}

async fn what_is_there_already_takes_nobodys_place(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let (bee, colony) = (tenant.bee("bee").await, tenant.colony.key);
    let (old, _, new) = replaced(&tenant, &bee).await;
    let new_id = tenant.submit(new).await;
    // Repeating the call changes nothing. Another dead letter is refused, or two could replace each other.
    assert_eq!(tenant.store.replace(colony, old, new_id, NOW).await.unwrap(), Effect::Changed);
    let mut failure = failure(tenant.claim_one(&bee, NOW).await);
    failure.next = ProcessState::DeadLetter;
    tenant.store.fail(&[failure], NOW).await.unwrap();
    assert_eq!(tenant.store.replace(colony, new_id, old, NOW).await.unwrap(), Effect::Taken);
    assert_eq!(tenant.store.replace(colony, new_id, new_id, NOW).await.unwrap(), Effect::Taken);
    assert_eq!(
        tenant.store.redrive(colony, &[new_id], NOW, None).await.unwrap(),
        [Effect::Changed],
        "and it is as it was"
    );
}

async fn a_replaced_parent_that_is_deleted_leaves_its_children_to_the_other(backend: Backend) {
    let tenant = Tenant::on(&backend).await;
    let bee = tenant.bee("bee").await;
    let (old, child, new) = replaced(&tenant, &bee).await;
    let new_id = tenant.submit(new).await;
    assert_eq!(tenant.store.delete(tenant.colony.key, &[old], None).await.unwrap(), [Effect::Changed]);
    assert_eq!(tenant.settle(None).await.replacements, [new_id]);
    assert_eq!(tenant.state(child).await, ProcessState::Blocked);
}
