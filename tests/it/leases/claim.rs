//! `Claim`: long poll, order, exactly one winner, and nothing lost when a client disconnects.

use std::collections::HashSet;
use std::time::Duration;

use apiary_executor_sdk::{v1, wire};
use apiary_identity::{KeyPair, Role, Spec};
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};
use apiary_tests::{TestColony, eventually};
use tokio::time::Instant;

on_each_store!(
    an_empty_queue_answers_at_once_without_a_wait,
    an_empty_queue_answers_after_the_wait,
    work_submitted_while_a_poll_waits_is_handed_over_at_once,
    first_in_is_first_out_within_a_priority,
    higher_priorities_go_first,
    work_for_another_type_or_name_is_never_handed_out,
    a_named_executor_gets_its_work_in_one_order_with_the_rest,
    fifty_processes_go_to_ten_executors_exactly_once,
    thirty_executors_share_ten_processes,
    variables_reach_the_executor_as_they_were_set,
    a_poll_that_is_cancelled_takes_nothing_with_it,
    only_executors_claim_and_only_their_types,
    a_lost_executors_process_is_given_to_another,
    a_lost_executor_uses_up_attempts_until_the_dead_letter,
    max_exec_ends_an_attempt_that_renews,
    nobody_within_max_wait_fails_the_process,
    bad_bounds_are_refused
);

// Cases 1, 5.
async fn an_empty_queue_answers_at_once_without_a_wait(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
}

// Case 2.
async fn an_empty_queue_answers_after_the_wait(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let start = Instant::now();
    assert!(claim(&bee, "t", 1, Duration::from_millis(300)).await.is_empty());
    assert!(start.elapsed() >= Duration::from_millis(300));
}

// Case 3.
async fn work_submitted_while_a_poll_waits_is_handed_over_at_once(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let poll = tokio::spawn(async move { claim(&bee, "t", 1, Duration::from_secs(50)).await });
    colony.wait_for_polls(1).await;
    let submitted = user.submit_json("t", "f", &()).await.unwrap();
    // Far less than the poll's own wait: the submit woke it.
    let leases = tokio::time::timeout(CLAIM_WAIT, poll).await.unwrap().unwrap();
    assert_eq!(leases[0].process_id, submitted.process_id.to_string());
}

// Case 6.
async fn first_in_is_first_out_within_a_priority(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut submitted = Vec::new();
    for _ in 0..20 {
        submitted.push(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
    }
    let claimed: Vec<_> =
        claim(&bee, "t", 20, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect();
    assert_eq!(claimed, submitted);
}

// Case 7.
async fn higher_priorities_go_first(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut submitted = Vec::new();
    for priority in [1, 2, 5, 5] {
        let mut spec = user.spec("t", "f");
        spec.priority = priority;
        submitted.push(user.submit(&spec).await.unwrap().process_id.to_string());
    }
    let claimed: Vec<_> = claim(&bee, "t", 4, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect();
    let expected: Vec<_> = [2, 3, 1, 0].map(|place: usize| submitted[place].clone()).into();
    assert_eq!(claimed, expected);
}

// Cases 10, 12.
async fn work_for_another_type_or_name_is_never_handed_out(colony: TestColony) {
    let (user, one) = (colony.user("ada").await, colony.executor("one", "t").await);
    let two = colony.executor("two", "t").await;
    user.submit_json("u", "f", &()).await.unwrap();
    let mut spec = user.spec("t", "f");
    spec.executor_names = vec!["one".into()];
    user.submit(&spec).await.unwrap();
    assert!(claim(&two, "t", 10, Duration::ZERO).await.is_empty());
    let mine = claim(&one, "t", 10, Duration::ZERO).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].process_id, spec.process_id.to_string());
}

// Cases 10, 11.
async fn a_named_executor_gets_its_work_in_one_order_with_the_rest(colony: TestColony) {
    let (user, one) = (colony.user("ada").await, colony.executor("one", "t").await);
    let mut submitted = Vec::new();
    for name in [None, Some("one"), None, Some("two"), Some("one")] {
        let mut spec = user.spec("t", "f");
        spec.executor_names = name.into_iter().map(str::to_owned).collect();
        user.submit(&spec).await.unwrap();
        if name != Some("two") {
            submitted.push(spec.process_id.to_string());
        }
    }
    let claimed: Vec<_> =
        claim(&one, "t", 10, Duration::ZERO).await.into_iter().map(|lease| lease.process_id).collect();
    assert_eq!(claimed, submitted);
}

// Case 17.
async fn fifty_processes_go_to_ten_executors_exactly_once(colony: TestColony) {
    let user = colony.user("ada").await;
    let mut bees = Vec::new();
    for number in 0..10 {
        bees.push(colony.executor(&format!("bee-{number}"), "t").await);
    }
    // On Postgres three brokers share the work; SQLite has one.
    let peers = [colony.start_peer_if_shared().await, colony.start_peer_if_shared().await];
    for (number, bee) in bees.iter_mut().enumerate() {
        if let Some(Some(peer)) = peers.get(number % 3) {
            *bee = peer.client(colony.key.id(), &colony.key_of(&format!("bee-{number}")));
        }
    }
    let claims = bees.into_iter().map(|bee| async move {
        let mut mine = Vec::new();
        while mine.len() < 50 {
            let leases = claim(&bee, "t", 3, Duration::from_secs(2)).await;
            if leases.is_empty() {
                break;
            }
            mine.extend(leases.into_iter().map(|lease| lease.process_id));
        }
        mine
    });
    let submits = async {
        for _ in 0..50 {
            user.submit_json("t", "f", &()).await.unwrap();
        }
    };
    let (claimed, ()) = tokio::join!(futures::future::join_all(claims), submits);
    let all: Vec<_> = claimed.into_iter().flatten().collect();
    assert_eq!(all.len(), 50);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 50);
    for peer in peers.into_iter().flatten() {
        peer.stop().await;
    }
}

// Case 18.
async fn thirty_executors_share_ten_processes(colony: TestColony) {
    let user = colony.user("ada").await;
    let mut submitted = HashSet::new();
    for _ in 0..10 {
        submitted.insert(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
    }
    let mut bees = Vec::new();
    for number in 0..30 {
        bees.push(colony.executor(&format!("bee-{number}"), "t").await);
    }
    let claimed = futures::future::join_all(bees.iter().map(|bee| claim(bee, "t", 1, Duration::ZERO))).await;
    let claimed: Vec<_> = claimed.into_iter().flatten().map(|lease| lease.process_id).collect();
    assert_eq!(claimed.len(), 10, "one for each of ten, nothing for the rest");
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), submitted);
}

// Case 31.
async fn variables_reach_the_executor_as_they_were_set(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.env = [("REGION", "eu-north"), ("EMPTY", ""), ("words", "a=b; \"ü\"\n")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let arrived: Spec = wire::envelope_from_proto(&lease.spec.unwrap()).unwrap().open().unwrap();
    assert_eq!(arrived.env, spec.env);
}

// Case 4.
async fn a_poll_that_is_cancelled_takes_nothing_with_it(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let gone = bee.clone();
    let poll = tokio::spawn(async move { claim(&gone, "t", 1, Duration::from_secs(50)).await });
    colony.wait_for_polls(1).await;
    poll.abort();
    colony.wait_for_polls(0).await;
    let submitted = user.submit_json("t", "f", &()).await.unwrap();
    assert_eq!(colony.claim_one(&bee, "t").await.process_id, submitted.process_id.to_string());
}

// Cases 12, 14, 15.
async fn only_executors_claim_and_only_their_types(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let stranger = colony.client(&KeyPair::generate());
    let owner = colony.client(&colony.key);
    let elsewhere = colony.grant("narrow", Role::Executor, &["*"], &["u"], &[]).await;
    for client in [user, stranger, owner, elsewhere] {
        let refused = client.claim(v1::ClaimRequest { executor_type: "t".into(), ..Default::default() }).await;
        assert_eq!(refused.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
}

// Case X4.
async fn a_lost_executors_process_is_given_to_another(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let (lost, other) = (colony.executor("lost", "t").await, colony.executor("other", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let short = claim_briefly(&lost).await;
    let second = colony.claim_one(&other, "t").await;
    assert_eq!((short.process_id.as_str(), short.attempt, second.attempt), (second.process_id.as_str(), 1, 2));
    let late = lost.complete(&colony.success("lost", &short, b"1")).await.unwrap_err();
    assert_eq!(late.reason(), Some("LEASE_LOST"));
    assert_eq!(state_of(&reader, id).await, v1::ProcessState::Running);
    other.complete(&colony.success("other", &second, b"2")).await.unwrap();
    let attempts = reader.get_process(id).await.unwrap().attempts;
    assert_eq!(attempts[0].outcome, "lease_lost");
    assert_eq!(attempts[1].outcome, "succeeded");
}

// Case 40.
async fn a_lost_executor_uses_up_attempts_until_the_dead_letter(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 1;
    user.submit(&spec).await.unwrap();
    assert_eq!(claim_briefly(&bee).await.retries_left, 1);
    assert_eq!(claim_briefly(&bee).await.retries_left, 0);
    eventually("it is a dead letter", async || {
        (state_of(&reader, spec.process_id).await == v1::ProcessState::DeadLetter).then_some(())
    })
    .await;
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
}

async fn max_exec_ends_an_attempt_that_renews(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    (spec.max_exec_ms, spec.max_retries) = (1200, 0);
    user.submit(&spec).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let lost = eventually("a renewal says that the lease is lost", async || {
        bee.renew(spec.process_id, lease.attempt, Duration::from_secs(30)).await.err()
    })
    .await;
    assert_eq!(lost.reason(), Some("LEASE_LOST"));
    eventually("it is a dead letter", async || {
        (state_of(&reader, spec.process_id).await == v1::ProcessState::DeadLetter).then_some(())
    })
    .await;
    let attempts = reader.get_process(spec.process_id).await.unwrap().attempts;
    assert_eq!(attempts[0].outcome, "exec_time_exceeded");
}

// Case 37.
async fn nobody_within_max_wait_fails_the_process(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let mut spec = user.spec("t", "f");
    spec.max_wait_ms = 1000;
    user.submit(&spec).await.unwrap();
    eventually("it has failed", async || {
        (state_of(&reader, spec.process_id).await == v1::ProcessState::Failed).then_some(())
    })
    .await;
    let process = reader.get_process(spec.process_id).await.unwrap().process.unwrap();
    assert!(process.reason.contains("max_wait"), "{}", process.reason);
    let waited_ms = process.state_since_ms - process.submitted_at_ms;
    assert!((1000..2000).contains(&waited_ms), "{waited_ms}");
    let counts = reader.get_colony().await.unwrap().state_counts;
    let counts: Vec<_> = counts.iter().map(|count| (count.state.as_str(), count.count)).collect();
    assert_eq!(counts, [("failed", 1)]);
}

// Case 5.
async fn bad_bounds_are_refused(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    let good = v1::ClaimRequest { executor_type: "t".into(), ..Default::default() };
    for bad in [
        v1::ClaimRequest { count_max: -1, ..good.clone() },
        v1::ClaimRequest { count_max: 1001, ..good.clone() },
        v1::ClaimRequest { wait_ms: -1, ..good.clone() },
        v1::ClaimRequest { lease_ms: 999, ..good.clone() },
        v1::ClaimRequest { lease_ms: 3_600_001, ..good.clone() },
        v1::ClaimRequest { executor_type: String::new(), ..good.clone() },
    ] {
        assert_eq!(bee.claim(bad.clone()).await.unwrap_err().reason(), Some("INVALID"), "{bad:?}");
    }
}

async fn claim_briefly(bee: &apiary_executor_sdk::Client) -> v1::Lease {
    let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 20_000, lease_ms: 1000, ..Default::default() };
    bee.claim(request).await.unwrap().leases.remove(0)
}
