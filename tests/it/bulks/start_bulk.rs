//! `StartBulk`: every matching process is changed exactly once, whatever happens to the broker meanwhile.

use std::time::Duration;

use apiary_executor_sdk::v1::{self, ProcessFilter, ProcessState};
use apiary_identity::{Envelope, GrantRight, KeyPair, OutcomeKind, Role};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually_within};
use uuid::Uuid;

use super::{PATIENCE, count, in_states, order, submit_many, through};

on_each_store!(
    what_is_counted_dry_is_what_is_changed_and_nothing_later,
    thousands_are_cancelled_once_over_a_restart_in_the_middle,
    redriven_dead_letters_go_to_waiting_executors,
    a_redrive_in_bulk_is_about_dead_letters_and_leaves_alone_what_was_replaced,
    a_step_that_was_not_noted_is_repeated_and_redrives_nothing_twice,
    no_more_than_a_few_run_in_a_colony_at_once,
    blocked_ones_are_tried_now_and_dead_letters_given_up,
    deleting_by_state_leaves_the_other_states_alone,
    what_runs_is_told_to_stop,
    what_is_rare_is_found_behind_thousands,
    each_action_needs_its_right,
    what_makes_no_sense_is_refused,
    the_same_order_again_is_the_first,
    a_colony_is_out_of_reach_of_another
);

async fn what_is_counted_dry_is_what_is_changed_and_nothing_later(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let key = colony.key_of("ada");
    submit_many(&user, &key, "t", 7).await;
    let others = submit_many(&user, &key, "u", 3).await;
    let filter = ProcessFilter { executor_type: "t".into(), submitter: "ada".into(), ..Default::default() };
    let mut dry = order("cancel", filter);
    dry.dry_run = true;
    assert_eq!(ops.start_bulk(dry.clone()).await.unwrap().matched, 7);
    assert_eq!(ops.get_bulk(&dry.bulk_id).await.unwrap_err().reason(), Some("NOT_FOUND"), "it is not kept");
    assert_eq!(count(&ops, in_states(&[ProcessState::Waiting])).await, 10, "nothing is changed");
    dry.dry_run = false;
    let started = ops.start_bulk(dry).await.unwrap();
    let later = eventually_within(PATIENCE, "a later millisecond", async || {
        let process_id = user.submit_json("t", "f", &()).await.ok()?.process_id;
        let process = ops.get_process(process_id).await.ok()?.process?;
        (process.submitted_at_ms > started.started_at_ms).then_some(process_id)
    })
    .await;
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!((done.matched, done.changed, done.skipped), (7, 7, 0));
    assert_eq!((done.by.as_str(), done.reason.as_str()), ("ops", "spring cleaning"));
    assert!(done.ended_at_ms >= done.started_at_ms);
    assert_eq!(state_of(&ops, later).await, ProcessState::Waiting);
    for id in others {
        assert_eq!(state_of(&ops, id).await, ProcessState::Waiting);
    }
}

async fn thousands_are_cancelled_once_over_a_restart_in_the_middle(mut colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    submit_many(&user, &colony.key_of("ada"), "t", 2000).await;
    let started = ops.start_bulk(order("cancel", ProcessFilter::default())).await.unwrap();
    assert_eq!(started.matched, 2000);
    eventually_within(PATIENCE, "some are cancelled", async || {
        (ops.get_bulk(&started.bulk_id).await.ok()?.changed > 0).then_some(())
    })
    .await;
    colony.stop().await;
    colony.start_again().await;
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!(done.changed + done.skipped, 2000, "each is looked at once");
    assert_eq!(count(&ops, in_states(&[ProcessState::Cancelled])).await, 2000);
}

async fn redriven_dead_letters_go_to_waiting_executors(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    submit_many(&user, &colony.key_of("ada"), "t", 3).await;
    for _ in 0..3 {
        let lease = colony.claim_one(&bee, "t").await;
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "no")).await.unwrap();
    }
    let poll = tokio::spawn(async move { claim(&bee, "t", 3, Duration::from_secs(50)).await });
    colony.wait_for_polls(1).await;
    let started = ops.start_bulk(order("redrive", in_states(&[ProcessState::DeadLetter]))).await.unwrap();
    let leases = tokio::time::timeout(PATIENCE, poll).await.unwrap().unwrap();
    assert_eq!(leases.len(), 3, "the waiting poll is answered");
    assert_eq!(through(&ops, &started.bulk_id).await.changed, 3);
}

async fn a_redrive_in_bulk_is_about_dead_letters_and_leaves_alone_what_was_replaced(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let mut ids = submit_many(&user, &colony.key_of("ada"), "t", 4).await;
    for _ in 0..4 {
        let lease = colony.claim_one(&bee, "t").await;
        bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "no")).await.unwrap();
    }
    let (left, given_up, replaced) = (ids.split_off(2), ids[0], ids[1]);
    ops.discard(given_up, "no use").await.unwrap();
    let spec = Envelope::seal(&colony.key_of("ada"), &user.spec("u", "f")).unwrap();
    ops.redrive_as_envelope(replaced, &spec).await.unwrap();
    let started = ops.start_bulk(order("redrive", ProcessFilter::default())).await.unwrap();
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!((done.matched, done.changed, done.skipped), (2, 2, 0), "what was given up is not tried by the way");
    for id in left {
        assert_eq!(state_of(&ops, id).await, ProcessState::Waiting);
    }
    let asked = ops.start_bulk(order("redrive", in_states(&[ProcessState::Failed]))).await.unwrap();
    let done = through(&ops, &asked.bulk_id).await;
    assert_eq!((done.matched, done.changed, done.skipped), (2, 1, 1));
    assert_eq!(state_of(&ops, given_up).await, ProcessState::Waiting, "whoever asks for failed ones gets them");
    assert_eq!(state_of(&ops, replaced).await, ProcessState::Failed, "and none that goes on as another");
}

async fn a_step_that_was_not_noted_is_repeated_and_redrives_nothing_twice(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    submit_many(&user, &colony.key_of("ada"), "t", 3).await;
    let refuse = async || {
        for _ in 0..3 {
            let lease = colony.claim_one(&bee, "t").await;
            bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "no")).await.unwrap();
        }
    };
    refuse().await;
    let started = ops.start_bulk(order("redrive", ProcessFilter::default())).await.unwrap();
    assert_eq!(through(&ops, &started.bulk_id).await.changed, 3);
    refuse().await;
    // As if the broker had died before it recorded the step, and the processes had failed again meanwhile.
    let forget = "UPDATE bulks SET state = 'running', changed = 0, after_ms = NULL, after_id = NULL, held_until_ms = 0";
    colony.backend.execute(forget).await;
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!((done.changed, done.skipped), (0, 3));
    assert_eq!(count(&ops, in_states(&[ProcessState::DeadLetter])).await, 3);
}

async fn no_more_than_a_few_run_in_a_colony_at_once(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    submit_many(&user, &colony.key_of("ada"), "t", 1).await;
    let first = ops.start_bulk(order("retry", ProcessFilter::default())).await.unwrap();
    through(&ops, &first.bulk_id).await;
    // Twenty bulk actions held by another broker, far into the future.
    for _ in 0..20 {
        let one = ops.start_bulk(order("retry", ProcessFilter::default())).await.unwrap();
        through(&ops, &one.bulk_id).await;
    }
    colony
        .backend
        .execute("UPDATE bulks SET state = 'running', held_by = NULL, held_until_ms = 9000000000000000")
        .await;
    let refused = ops.start_bulk(order("retry", ProcessFilter::default())).await.unwrap_err();
    assert_eq!(refused.reason(), Some("OVERLOADED"), "{refused}");
    ops.stop_bulk(&first.bulk_id, false).await.unwrap();
    colony.backend.execute("UPDATE bulks SET state = 'finished'").await;
    ops.start_bulk(order("retry", ProcessFilter::default())).await.unwrap();
}

async fn blocked_ones_are_tried_now_and_dead_letters_given_up(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let mut later = user.spec("u", "f");
    later.not_before = Some(later.submit_by);
    let blocked = user.submit(&later).await.unwrap().process_id;
    let retried = ops.start_bulk(order("retry", ProcessFilter::default())).await.unwrap();
    assert_eq!(through(&ops, &retried.bulk_id).await.changed, 1);
    assert_eq!(state_of(&ops, blocked).await, ProcessState::Waiting);
    let dead = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &lease, OutcomeKind::Refused, "no")).await.unwrap();
    let given_up = ops.start_bulk(order("discard", ProcessFilter::default())).await.unwrap();
    assert_eq!(through(&ops, &given_up.bulk_id).await.changed, 1);
    let process = ops.get_process(dead).await.unwrap().process.unwrap();
    assert_eq!((process.state(), process.reason.as_str()), (ProcessState::Failed, "spring cleaning"));
}

// Case 30.
async fn deleting_by_state_leaves_the_other_states_alone(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let waiting = submit_many(&user, &colony.key_of("ada"), "u", 2).await;
    for _ in 0..2 {
        user.submit_json("t", "f", &()).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    }
    user.submit_json("t", "f", &()).await.unwrap();
    let running = colony.claim_one(&bee, "t").await;
    let refused = owner.start_bulk(order("delete", in_states(&[ProcessState::Running]))).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"), "{refused}");
    let refused = ops.start_bulk(order("delete", in_states(&[ProcessState::Succeeded]))).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    let started = owner.start_bulk(order("delete", in_states(&[ProcessState::Succeeded]))).await.unwrap();
    assert_eq!(through(&owner, &started.bulk_id).await.changed, 2);
    assert_eq!(count(&ops, in_states(&[ProcessState::Succeeded])).await, 0);
    for id in waiting {
        assert_eq!(state_of(&ops, id).await, ProcessState::Waiting);
    }
    assert_eq!(state_of(&ops, running.process_id.parse().unwrap()).await, ProcessState::Running);
    let all = owner.start_bulk(order("delete", ProcessFilter::default())).await.unwrap();
    assert_eq!(through(&owner, &all.bulk_id).await.changed, 2, "all but what runs");
    assert_eq!(count(&ops, ProcessFilter::default()).await, 1);
}

async fn what_runs_is_told_to_stop(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let started = ops.start_bulk(order("cancel", in_states(&[ProcessState::Running]))).await.unwrap();
    assert_eq!(through(&ops, &started.bulk_id).await.changed, 1);
    let renewed = bee.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap();
    assert!(renewed.cancelled);
    assert_eq!(renewed.cancel_reason, "spring cleaning");
}

async fn each_action_needs_its_right(colony: TestColony) {
    let user = colony.user("ada").await;
    let canceller = colony.grant("carl", Role::User, &[], &[], &[GrantRight::Cancel]).await;
    let operator = colony.grant("olga", Role::User, &[], &[], &[GrantRight::Operate]).await;
    let owner = colony.client(&colony.key);
    for (action, carl, olga) in [
        ("cancel", true, false),
        ("redrive", false, true),
        ("discard", false, true),
        ("retry", false, true),
        ("delete", false, false),
    ] {
        for (client, may) in [(&canceller, carl), (&operator, olga), (&owner, true), (&user, false)] {
            let mut dry = order(action, ProcessFilter::default());
            dry.dry_run = true;
            let answer = client.start_bulk(dry).await;
            let expected = if may { None } else { Some("NOT_PERMITTED") };
            assert_eq!(answer.as_ref().err().and_then(|error| error.reason()), expected, "{action}: {answer:?}");
        }
    }
}

async fn what_makes_no_sense_is_refused(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let cases = [
        (order("explode", ProcessFilter::default()), "INVALID"),
        (order("redrive", in_states(&[ProcessState::DeadLetter, ProcessState::Waiting])), "INVALID"),
        (order("cancel", in_states(&[ProcessState::Succeeded])), "INVALID"),
        (order("cancel", ProcessFilter { executor: "nobody".into(), ..Default::default() }), "NOT_FOUND"),
        (order("cancel", ProcessFilter { submitted_from_ms: -1, ..Default::default() }), "INVALID"),
    ];
    for (request, reason) in cases {
        let what = format!("{request:?}");
        assert_eq!(owner.start_bulk(request).await.unwrap_err().reason(), Some(reason), "{what}");
    }
    let mut no_id = order("cancel", ProcessFilter::default());
    no_id.bulk_id = Uuid::new_v4().to_string();
    assert_eq!(owner.start_bulk(no_id).await.unwrap_err().reason(), Some("INVALID"));
    let mut long = order("cancel", ProcessFilter::default());
    long.reason = "x".repeat(4097);
    assert_eq!(owner.start_bulk(long).await.unwrap_err().reason(), Some("INVALID"));
    assert!(owner.list_bulks().await.unwrap().bulks.is_empty());
}

async fn the_same_order_again_is_the_first(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let request = order("cancel", ProcessFilter::default());
    ops.start_bulk(request.clone()).await.unwrap();
    let done = through(&ops, &request.bulk_id).await;
    user.submit_json("t", "f", &()).await.unwrap();
    assert_eq!(ops.start_bulk(request).await.unwrap(), done, "nothing new is started");
    assert_eq!(ops.list_bulks().await.unwrap().bulks, [done]);
}

async fn a_colony_is_out_of_reach_of_another(colony: TestColony) {
    let user = colony.user("ada").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let key = KeyPair::generate();
    colony.client_for(key.id(), &colony.server_owner).create_colony("other").await.unwrap();
    let foreign = colony.client_for(key.id(), &key);
    let started = foreign.start_bulk(order("cancel", ProcessFilter::default())).await.unwrap();
    assert_eq!(through(&foreign, &started.bulk_id).await.matched, 0);
    let owner = colony.client(&colony.key);
    assert_eq!(state_of(&owner, id).await, ProcessState::Waiting);
    assert_eq!(owner.get_bulk(&started.bulk_id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(owner.stop_bulk(&started.bulk_id, false).await.unwrap_err().reason(), Some("NOT_FOUND"));
    let mut taken = order("cancel", ProcessFilter::default());
    taken.bulk_id = started.bulk_id;
    assert_eq!(owner.start_bulk(taken).await.unwrap_err().reason(), Some("TAKEN"));
}

async fn what_is_rare_is_found_behind_thousands(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    let rare = user.submit_json("t", "rare", &()).await.unwrap().process_id;
    submit_many(&user, &colony.key_of("ada"), "t", 2100).await;
    let filter = ProcessFilter { function: "rare".into(), ..Default::default() };
    // A list goes on past a page that finds nothing.
    let first = v1::ListProcessesRequest { filter: Some(filter.clone()), ..Default::default() };
    let page = ops.list_processes(first).await.unwrap();
    assert!(page.processes.is_empty() && !page.next_page_token.is_empty(), "{page:?}");
    assert_eq!(count(&ops, filter.clone()).await, 1);
    // A bulk action counts the newest, says so, and is about all.
    let mut order = order("cancel", filter);
    order.dry_run = true;
    let counted = ops.start_bulk(order.clone()).await.unwrap();
    assert_eq!((counted.matched, counted.more_may_match), (0, true));
    order.dry_run = false;
    let started = ops.start_bulk(order).await.unwrap();
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!((done.changed, done.skipped, done.more_may_match), (1, 0, true));
    assert_eq!(state_of(&ops, rare).await, ProcessState::Cancelled);
}
