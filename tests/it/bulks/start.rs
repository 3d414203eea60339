//! `StartBulk`: what is done to whom, and who may.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Envelope, GrantRight, OutcomeKind, Role};
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};
use uuid::Uuid;

use super::{of_type, order, through};

on_each_store!(
    a_dry_run_says_what_is_then_changed,
    dead_letters_are_redriven_and_others_are_not_touched,
    what_runs_is_told_and_what_waits_is_cancelled,
    only_finished_states_are_deleted_and_only_by_the_owner,
    each_action_needs_its_right_and_fitting_states,
    two_thousand_are_cancelled_over_a_restart,
);

async fn submit(user: &Client, colony: &TestColony, executor_type: &str, count: usize) -> Vec<Uuid> {
    let key = colony.key_of("ada");
    let specs: Vec<_> = (0..count).map(|_| user.spec(executor_type, "f")).collect();
    for part in specs.chunks(1000) {
        let signed: Vec<_> = part.iter().map(|spec| Envelope::seal(&key, spec).unwrap()).collect();
        assert!(user.submit_batch(&signed).await.unwrap().iter().all(|answer| answer.process.is_some()));
    }
    specs.iter().map(|spec| spec.process_id).collect()
}

/// Claims all and has them set aside.
async fn dead_letters(colony: &TestColony, bee: &Client, executor_type: &str, count: i32) {
    for lease in claim(bee, executor_type, count, Duration::from_secs(10)).await {
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "not believed")).await.unwrap();
    }
}

async fn a_dry_run_says_what_is_then_changed(colony: TestColony) {
    let (user, owner) = (colony.user("ada").await, colony.client(&colony.key));
    let ids = submit(&user, &colony, "t", 7).await;
    submit(&user, &colony, "u", 2).await;
    let mut request = order("cancel", of_type("t"));
    request.dry_run = true;
    let counted = owner.start_bulk(request.clone()).await.unwrap();
    assert_eq!((counted.matched, counted.changed), (7, 0));
    assert_eq!(owner.get_bulk(&counted.bulk_id).await.unwrap_err().reason(), Some("NOT_FOUND"), "nothing was stored");
    request.dry_run = false;
    let bulk = owner.start_bulk(request.clone()).await.unwrap();
    assert_eq!((bulk.matched, bulk.by.as_str(), bulk.reason.as_str()), (7, "colony", "a test"));
    let bulk = through(&owner, &bulk.bulk_id).await;
    assert_eq!((bulk.changed, bulk.skipped), (7, 0));
    assert!(bulk.ended_at_ms >= bulk.started_at_ms);
    let reader = colony.reader().await;
    for id in ids {
        assert_eq!(state_of(&reader, id).await, v1::ProcessState::Cancelled);
    }
    let again = owner.start_bulk(request).await.unwrap();
    assert_eq!((again.state.as_str(), again.changed), ("finished", 7), "the same id is the same action");
}

async fn dead_letters_are_redriven_and_others_are_not_touched(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let ids = submit(&user, &colony, "t", 3).await;
    dead_letters(&colony, &bee, "t", 2).await;
    let bulk = owner.start_bulk(order("redrive", of_type("t"))).await.unwrap();
    assert_eq!(through(&owner, &bulk.bulk_id).await.changed, 2);
    // The polls are told: all three can be claimed.
    let mut claimed: Vec<_> = claim(&bee, "t", 3, Duration::from_secs(10)).await;
    assert_eq!(claimed.len(), 3);
    claimed.sort_by(|one, other| one.process_id.cmp(&other.process_id));
    let mut expected: Vec<_> = ids.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(claimed.iter().map(|lease| lease.process_id.clone()).collect::<Vec<_>>(), expected);
}

async fn what_runs_is_told_and_what_waits_is_cancelled(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (owner, reader) = (colony.client(&colony.key), colony.reader().await);
    let ids = submit(&user, &colony, "t", 2).await;
    let lease = colony.claim_one(&bee, "t").await;
    let bulk = owner.start_bulk(order("cancel", of_type("t"))).await.unwrap();
    assert_eq!(through(&owner, &bulk.bulk_id).await.changed, 2);
    let renewed = bee.renew(lease.process_id.parse().unwrap(), 1, Duration::from_secs(10)).await.unwrap();
    assert!(renewed.cancelled && renewed.cancel_reason == "a test");
    assert_eq!(state_of(&reader, ids[1]).await, v1::ProcessState::Cancelled);
}

// Case 30.
async fn only_finished_states_are_deleted_and_only_by_the_owner(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (owner, reader) = (colony.client(&colony.key), colony.reader().await);
    let ids = submit(&user, &colony, "t", 3).await;
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    colony.claim_one(&bee, "t").await;
    let only = |state: v1::ProcessState| v1::ProcessFilter { states: vec![state.into()], ..of_type("t") };
    let refused = owner.start_bulk(order("delete", only(v1::ProcessState::Running))).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    let operator = colony.grant("op", Role::User, &[], &[], &[GrantRight::Operate, GrantRight::Cancel]).await;
    let denied = operator.start_bulk(order("delete", only(v1::ProcessState::Succeeded))).await.unwrap_err();
    assert_eq!(denied.reason(), Some("NOT_PERMITTED"));
    let bulk = owner.start_bulk(order("delete", only(v1::ProcessState::Succeeded))).await.unwrap();
    assert_eq!(through(&owner, &bulk.bulk_id).await.changed, 1);
    assert_eq!(reader.get_process(ids[0]).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(state_of(&reader, ids[1]).await, v1::ProcessState::Running);
    assert_eq!(state_of(&reader, ids[2]).await, v1::ProcessState::Waiting);
}

async fn each_action_needs_its_right_and_fitting_states(colony: TestColony) {
    let user = colony.user("ada").await;
    let canceller = colony.grant("canceller", Role::User, &[], &[], &[GrantRight::Cancel]).await;
    let operator = colony.grant("operator", Role::User, &[], &[], &[GrantRight::Operate]).await;
    for (client, action, reason) in [
        (&user, "cancel", Some("NOT_PERMITTED")),
        (&canceller, "cancel", None),
        (&canceller, "redrive", Some("NOT_PERMITTED")),
        (&operator, "cancel", Some("NOT_PERMITTED")),
        (&operator, "redrive", None),
        (&operator, "discard", None),
        (&operator, "retry", None),
        (&operator, "delete", Some("NOT_PERMITTED")),
        (&operator, "explode", Some("INVALID")),
    ] {
        let mut request = order(action, of_type("t"));
        request.dry_run = true;
        let answer = client.start_bulk(request).await;
        assert_eq!(answer.as_ref().err().and_then(|error| error.reason()), reason, "{action}: {answer:?}");
    }
    let done = v1::ProcessFilter { states: vec![v1::ProcessState::Succeeded.into()], ..of_type("t") };
    assert_eq!(operator.start_bulk(order("redrive", done)).await.unwrap_err().reason(), Some("INVALID"));
    let ghost = v1::ProcessFilter { submitter: "ghost".into(), ..of_type("t") };
    assert_eq!(operator.start_bulk(order("redrive", ghost)).await.unwrap_err().reason(), Some("NOT_FOUND"));
    let mut named = order("redrive", of_type("t"));
    named.bulk_id = Uuid::new_v4().to_string();
    assert_eq!(operator.start_bulk(named).await.unwrap_err().reason(), Some("INVALID"));
}

async fn two_thousand_are_cancelled_over_a_restart(mut colony: TestColony) {
    let (user, owner) = (colony.user("ada").await, colony.client(&colony.key));
    submit(&user, &colony, "t", 2000).await;
    let bulk = owner.start_bulk(order("cancel", of_type("t"))).await.unwrap();
    assert_eq!(bulk.matched, 2000);
    colony.stop().await;
    colony.start_again().await;
    let bulk = through(&owner, &bulk.bulk_id).await;
    assert_eq!(bulk.changed, 2000, "each once: {bulk:?}");
}
