//! Processes that wait for others (`parents` in a spec): order, failure, cycles, and brokers that die or race.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{Client, ClientError};
use apiary_identity::{Envelope, OutcomeKind, Spec};
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};
use apiary_tests::{TestColony, eventually};
use uuid::Uuid;

use super::in_state;
use super::redrive::dead_letter;

on_each_store!(
    a_diamond_runs_in_its_order,
    a_poll_that_waits_gets_the_child_at_once,
    a_failed_sibling_stops_what_depends_on_it_and_undoes_nothing,
    a_circle_is_refused_and_nothing_of_it_is_kept,
    a_parent_that_nobody_knows_is_refused,
    what_never_can_run_is_cancelled_down_to_the_last,
    a_childs_max_wait_begins_when_its_parents_are_done,
    a_batch_keeps_parents_first_whatever_its_order,
    a_dead_letter_that_is_redriven_lets_its_children_go_on,
    a_child_cannot_be_tried_before_its_parents,
    a_child_of_finished_parents_waits_at_once,
    the_same_spec_again_is_answered_as_before_whatever_became_of_its_parents,
    a_child_of_what_was_replaced_waits_for_the_other,
    no_two_take_each_others_place,
    children_of_a_broker_that_died_are_freed_by_the_next,
    submits_and_completions_that_race_lose_no_child,
);

/// Signs and submits a spec with these parents.
async fn after(user: &Client, parents: &[Uuid]) -> Result<Uuid, ClientError> {
    let mut spec = user.spec("t", "f");
    spec.parents = parents.iter().copied().collect();
    Ok(user.submit(&spec).await?.process_id)
}

/// Claims the only waiting process, which must be this one, and finishes it.
async fn succeed(colony: &TestColony, bee: &Client, process_id: Uuid) {
    let lease = colony.claim_one(bee, "t").await;
    assert_eq!(lease.process_id, process_id.to_string());
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
}

async fn assert_nothing_waits(bee: &Client) {
    assert!(claim(bee, "t", 1, Duration::ZERO).await.is_empty());
}

async fn a_diamond_runs_in_its_order(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let top = after(&user, &[]).await.unwrap();
    let (left, right) = (after(&user, &[top]).await.unwrap(), after(&user, &[top]).await.unwrap());
    let bottom = after(&user, &[left, right]).await.unwrap();
    let shown = reader.get_process(bottom).await.unwrap().process.unwrap();
    assert_eq!((shown.state(), shown.blocked_cause.as_str()), (ProcessState::Blocked, "parents"));
    succeed(&colony, &bee, top).await;
    for side in [left, right] {
        in_state(&reader, side, ProcessState::Waiting).await;
        assert_eq!(state_of(&reader, bottom).await, ProcessState::Blocked);
        succeed(&colony, &bee, side).await;
    }
    succeed(&colony, &bee, bottom).await;
    assert_nothing_waits(&bee).await;
}

async fn a_poll_that_waits_gets_the_child_at_once(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let parent = after(&user, &[]).await.unwrap();
    let child = after(&user, &[parent]).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let peer = colony.start_peer_if_shared().await;
    let other = match &peer {
        Some(peer) => peer.client(colony.key.id(), &colony.key_of("bee")),
        None => bee.clone(),
    };
    let poll = tokio::spawn(async move { claim(&other, "t", 1, CLAIM_WAIT).await });
    match &peer {
        Some(peer) => peer.wait_for_polls(1).await,
        None => colony.wait_for_polls(1).await,
    }
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(poll.await.unwrap()[0].process_id, child.to_string());
    if let Some(peer) = peer {
        peer.stop().await;
    }
}

// Case X8.
async fn a_failed_sibling_stops_what_depends_on_it_and_undoes_nothing(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let top = after(&user, &[]).await.unwrap();
    let (left, right) = (after(&user, &[top]).await.unwrap(), after(&user, &[top]).await.unwrap());
    let (below_left, bottom) = (after(&user, &[left]).await.unwrap(), after(&user, &[left, right]).await.unwrap());
    succeed(&colony, &bee, top).await;
    in_state(&reader, right, ProcessState::Waiting).await;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(lease.process_id, left.to_string());
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::FailedFinal, "no such account")).await.unwrap();
    succeed(&colony, &bee, right).await;
    let peek = async || reader.explain(bottom).await.unwrap().reasons[0].process_ids.clone();
    eventually("only the failed one is waited for", async || (peek().await == [left.to_string()]).then_some(())).await;
    assert_nothing_waits(&bee).await;
    for (process_id, state) in [
        (left, ProcessState::DeadLetter),
        (right, ProcessState::Succeeded),
        (below_left, ProcessState::Blocked),
        (bottom, ProcessState::Blocked),
    ] {
        assert_eq!(state_of(&reader, process_id).await, state);
    }
}

// Case X9.
async fn a_circle_is_refused_and_nothing_of_it_is_kept(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let key = colony.key_of("ada");
    let mut specs: Vec<Spec> = (0..4).map(|_| user.spec("t", "f")).collect();
    let ids: Vec<Uuid> = specs.iter().map(|spec| spec.process_id).collect();
    // Three in a cycle, and one that waits for one of them.
    for (number, parent) in [(0, 1), (1, 2), (2, 0), (3, 0)] {
        specs[number].parents.insert(ids[parent]);
    }
    let sealed: Vec<Envelope> = specs.iter().map(|spec| Envelope::seal(&key, spec).unwrap()).collect();
    for answer in user.submit_batch(&sealed).await.unwrap() {
        assert_eq!((answer.reason.as_str(), answer.process), ("INVALID", None));
        assert!(answer.message.contains("lead in a circle"), "{}", answer.message);
    }
    let refused = user.submit(&specs[0]).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_FOUND"), "one after the other there can be none");
    let mut own = user.spec("t", "f");
    own.parents.insert(own.process_id);
    assert!(user.submit(&own).await.unwrap_err().to_string().contains("the process itself"));
    for id in ids {
        assert_eq!(reader.get_process(id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    }
    assert_nothing_waits(&bee).await;
}

async fn a_parent_that_nobody_knows_is_refused(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let stranger = Uuid::now_v7();
    let refused = after(&user, &[stranger]).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_FOUND"));
    assert!(refused.to_string().contains(&stranger.to_string()), "{refused}");
    let cancelled = after(&user, &[]).await.unwrap();
    ops.cancel(cancelled, "no", None).await.unwrap();
    let refused = after(&user, &[cancelled]).await.unwrap_err();
    assert_eq!(refused.reason(), Some("STATE_CONFLICT"));
    assert!(refused.to_string().contains("never succeeds"), "{refused}");
}

async fn what_never_can_run_is_cancelled_down_to_the_last(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let parent = after(&user, &[]).await.unwrap();
    let child = after(&user, &[parent]).await.unwrap();
    let grandchild = after(&user, &[child]).await.unwrap();
    // Also a running one: it is cancelled when its attempt ends, and its children then.
    let lease = colony.claim_one(&bee, "t").await;
    ops.cancel(parent, "the customer left", None).await.unwrap();
    assert_eq!(state_of(&ops, child).await, ProcessState::Blocked);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap_err();
    let last = tokio::time::timeout(CLAIM_WAIT, ops.wait_until_finished(grandchild)).await.unwrap().unwrap();
    assert_eq!(last.state(), ProcessState::Cancelled);
    assert_eq!(last.reason, format!("its parent {child} was cancelled"));
    let kept = ops.get_process(child).await.unwrap().process.unwrap();
    assert_eq!(kept.reason, format!("its parent {parent} was cancelled"));
}

// Case X7.
async fn a_childs_max_wait_begins_when_its_parents_are_done(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let parent = after(&user, &[]).await.unwrap();
    let mut spec = user.spec("t", "f");
    spec.max_wait_ms = 300;
    spec.parents.insert(parent);
    let child = user.submit(&spec).await.unwrap().process_id;
    let mut other = user.spec("t", "f");
    other.max_wait_ms = 400;
    let other = user.submit(&other).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(lease.process_id, parent.to_string());
    // A process that waits longer has expired: by then the child would have, too.
    in_state(&reader, other, ProcessState::Failed).await;
    assert_eq!(state_of(&reader, child).await, ProcessState::Blocked);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    in_state(&reader, child, ProcessState::Failed).await;
    let kept = reader.get_process(child).await.unwrap().process.unwrap();
    assert!(kept.reason.contains("max_wait"), "{}", kept.reason);
}

async fn a_batch_keeps_parents_first_whatever_its_order(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let key = colony.key_of("ada");
    let mut specs: Vec<Spec> = (0..20).map(|_| user.spec("t", "f")).collect();
    let ids: Vec<Uuid> = specs.iter().map(|spec| spec.process_id).collect();
    // Each waits for the next one; the last has no parent.
    for number in 0..19 {
        specs[number].parents.insert(ids[number + 1]);
    }
    let sealed: Vec<Envelope> = specs.iter().map(|spec| Envelope::seal(&key, spec).unwrap()).collect();
    let answers = user.submit_batch(&sealed).await.unwrap();
    for (number, (answer, id)) in answers.into_iter().zip(&ids).enumerate() {
        let process = answer.process.unwrap_or_else(|| panic!("{number}: {}", answer.message));
        assert_eq!(process.process_id, id.to_string());
        let state = if number == 19 { ProcessState::Waiting } else { ProcessState::Blocked };
        assert_eq!(process.state(), state, "{number}");
    }
    for id in ids.iter().rev() {
        in_state(&reader, *id, ProcessState::Waiting).await;
        succeed(&colony, &bee, *id).await;
    }
}

async fn a_dead_letter_that_is_redriven_lets_its_children_go_on(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let parent = dead_letter(&colony, &user, &bee, "t").await;
    let child = after(&user, &[parent]).await.unwrap();
    assert_nothing_waits(&bee).await;
    ops.redrive(parent).await.unwrap();
    succeed(&colony, &bee, parent).await;
    succeed(&colony, &bee, child).await;

    let parent = dead_letter(&colony, &user, &bee, "t").await;
    let child = after(&user, &[parent]).await.unwrap();
    let mut anew = user.spec("t", "f");
    anew.parents.insert(child);
    let sealed = Envelope::seal(&colony.key_of("ada"), &anew).unwrap();
    let refused = ops.redrive_as_envelope(parent, &sealed).await.unwrap_err();
    assert!(
        refused.to_string().contains("may not wait for another process"),
        "or two would wait for each other: {refused}"
    );
    anew.parents.clear();
    let sealed = Envelope::seal(&colony.key_of("ada"), &anew).unwrap();
    ops.redrive_as_envelope(parent, &sealed).await.unwrap();
    succeed(&colony, &bee, anew.process_id).await;
    succeed(&colony, &bee, child).await;
}

async fn a_child_cannot_be_tried_before_its_parents(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let parent = after(&user, &[]).await.unwrap();
    let child = after(&user, &[parent]).await.unwrap();
    let refused = ops.retry(child).await.unwrap_err();
    assert_eq!(refused.reason(), Some("STATE_CONFLICT"));
    assert!(refused.to_string().contains("waits for its parents"), "{refused}");
    assert_eq!(state_of(&ops, child).await, ProcessState::Blocked);
}

async fn a_child_of_finished_parents_waits_at_once(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let parent = after(&user, &[]).await.unwrap();
    succeed(&colony, &bee, parent).await;
    let mut spec = user.spec("t", "f");
    spec.parents.insert(parent);
    assert_eq!(user.submit(&spec).await.unwrap().state, ProcessState::Waiting);
    succeed(&colony, &bee, spec.process_id).await;
}

async fn the_same_spec_again_is_answered_as_before_whatever_became_of_its_parents(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let parent = after(&user, &[]).await.unwrap();
    let mut spec = user.spec("t", "f");
    spec.parents.insert(parent);
    user.submit(&spec).await.unwrap();
    ops.cancel(parent, "no", None).await.unwrap();
    in_state(&ops, spec.process_id, ProcessState::Cancelled).await;
    let again = user.submit(&spec).await.unwrap();
    assert_eq!((again.existed, again.state), (true, ProcessState::Cancelled));
    // Another with its key, and what was deleted with its parent.
    let parent = after(&user, &[]).await.unwrap();
    let mut keyed = user.spec("t", "f");
    (keyed.idempotency_key, keyed.parents) = (Some("evt_1".into()), [parent].into());
    let kept = user.submit(&keyed).await.unwrap().process_id;
    let owner = colony.client(&colony.key);
    owner.delete(parent).await.unwrap();
    let mut other = user.spec("t", "f");
    (other.idempotency_key, other.parents) = (Some("evt_1".into()), [parent].into());
    let again = user.submit(&other).await.unwrap();
    assert_eq!((again.existed, again.process_id), (true, kept));
    in_state(&ops, kept, ProcessState::Cancelled).await;
    owner.delete(kept).await.unwrap();
    let again = user.submit(&keyed).await.unwrap();
    assert_eq!((again.existed, again.state), (true, ProcessState::Cancelled));
    assert_eq!(user.submit(&other).await.unwrap_err().reason(), Some("NOT_FOUND"), "the key went along");
}

async fn a_child_of_what_was_replaced_waits_for_the_other(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let old = dead_letter(&colony, &user, &bee, "t").await;
    let new = user.spec("t", "f");
    ops.redrive_as_envelope(old, &Envelope::seal(&colony.key_of("ada"), &new).unwrap()).await.unwrap();
    let child = after(&user, &[old]).await.unwrap();
    assert_eq!(ops.explain(child).await.unwrap().reasons[0].process_ids, [new.process_id.to_string()]);
    succeed(&colony, &bee, new.process_id).await;
    succeed(&colony, &bee, child).await;
    let mut late = user.spec("t", "f");
    late.parents.insert(old);
    assert_eq!(user.submit(&late).await.unwrap().state, ProcessState::Waiting);
}

async fn no_two_take_each_others_place(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let [one, other] = [(); 2].map(|()| user.spec("t", "f"));
    let [sealed_one, sealed_other] = [&one, &other].map(|spec| Envelope::seal(&colony.key_of("ada"), spec).unwrap());
    user.submit(&one).await.unwrap();
    let give_up = async |process_id: Uuid| {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!(lease.process_id, process_id.to_string());
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "not believed")).await.unwrap();
    };
    give_up(one.process_id).await;
    ops.redrive_as_envelope(one.process_id, &sealed_other).await.unwrap();
    give_up(other.process_id).await;
    let refused = ops.redrive_as_envelope(other.process_id, &sealed_one).await.unwrap_err();
    assert!(refused.to_string().contains("is there already"), "{refused}");
    // Nothing is stuck: children continue once the last parent succeeds.
    let child = after(&user, &[one.process_id]).await.unwrap();
    ops.redrive(other.process_id).await.unwrap();
    succeed(&colony, &bee, other.process_id).await;
    succeed(&colony, &bee, child).await;
}

async fn children_of_a_broker_that_died_are_freed_by_the_next(mut colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let parent = after(&user, &[]).await.unwrap();
    let child = after(&user, &[parent]).await.unwrap();
    // The state after a broker died between the end of the parent and the check of its children.
    let lost = after(&user, &[parent]).await.unwrap();
    succeed(&colony, &bee, parent).await;
    for process_id in [child, lost] {
        in_state(&reader, process_id, ProcessState::Waiting).await;
    }
    colony.stop().await;
    let hex = lost.simple().to_string();
    let (uuid, parent) = match colony.backend.kind() {
        "postgres" => (format!("'{hex}'"), format!("'{}'", parent.simple())),
        _ => (format!("x'{hex}'"), format!("x'{}'", parent.simple())),
    };
    colony
        .backend
        .execute(&format!(
            "INSERT INTO blocked (process_id, colony, since_ms, until_ms, attempt, retries_spent, cause, parents_left) \
             SELECT process_id, colony, since_ms, since_ms, 0, 0, 'parents', 1 FROM queue WHERE process_id = {uuid}; \
             DELETE FROM queue WHERE process_id = {uuid}; \
             INSERT INTO dependencies (child, parent) VALUES ({uuid}, {parent})"
        ))
        .await;
    colony.start_again().await;
    in_state(&reader, lost, ProcessState::Waiting).await;
}

async fn submits_and_completions_that_race_lose_no_child(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    for _ in 0..30 {
        let parent = after(&user, &[]).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        let result = colony.success("bee", &lease, b"1");
        let parents = [parent];
        let (one, ended, other) = tokio::join!(after(&user, &parents), bee.complete(&result), after(&user, &parents));
        ended.unwrap();
        for child in [one.unwrap(), other.unwrap()] {
            in_state(&reader, child, ProcessState::Waiting).await;
        }
        for lease in claim(&bee, "t", 2, CLAIM_WAIT).await {
            bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
        }
    }
}
