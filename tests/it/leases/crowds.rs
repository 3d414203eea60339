//! Hundreds of waiting polls: work reaches the right one at once, and wakes no other.

use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::Requirements;
use apiary_tests::TestColony;
use tokio::task::JoinSet;
use tokio::time::timeout;

on_each_store!(
    work_for_a_name_finds_its_poll_among_hundreds,
    work_that_needs_much_finds_the_one_that_offers_it,
    each_of_hundreds_gets_one
);

/// More polls than a claim takes processes from a lane.
const MANY: usize = 300;
/// Time far longer than any of these tests.
const LONG_MS: i64 = 50_000;
/// Time shorter than the slow poll by which a broker finds work without a notification.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Polls in progress; each returns its number and its leases.
type Polls = JoinSet<(usize, Vec<v1::Lease>)>;

fn poll(polls: &mut Polls, number: usize, bee: &Client, offer: v1::Offer) {
    let (bee, offer) = (bee.clone(), Some(offer));
    let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: LONG_MS, offer, ..Default::default() };
    polls.spawn(async move { (number, bee.claim(request).await.unwrap().leases) });
}

/// Starts this many polls, all of which offer one core.
async fn crowd(colony: &TestColony, polls: &mut Polls) {
    let other = colony.executor("other", "t").await;
    for number in 0..MANY {
        poll(polls, number, &other, v1::Offer { cpu: "1".into(), ..Default::default() });
    }
    colony.wait_for_polls(MANY as u64).await;
}

async fn answered(polls: &mut Polls) -> (usize, String) {
    let (number, leases) = timeout(AT_ONCE, polls.join_next()).await.expect("a poll is woken").unwrap().unwrap();
    assert_eq!(leases.len(), 1, "whoever is woken has work");
    (number, leases[0].process_id.clone())
}

// Case X14.
async fn work_for_a_name_finds_its_poll_among_hundreds(colony: TestColony) {
    let (user, one) = (colony.user("ada").await, colony.executor("one", "t").await);
    let mut polls = Polls::new();
    crowd(&colony, &mut polls).await;
    poll(&mut polls, MANY, &one, v1::Offer::default());
    colony.wait_for_polls(MANY as u64 + 1).await;
    let mut spec = user.spec("t", "f");
    spec.executor_names = vec!["one".into()];
    user.submit(&spec).await.unwrap();
    assert_eq!(answered(&mut polls).await, (MANY, spec.process_id.to_string()));
    colony.wait_for_polls(MANY as u64).await;
    assert!(polls.try_join_next().is_none(), "the others wait on");
}

async fn work_that_needs_much_finds_the_one_that_offers_it(colony: TestColony) {
    let (user, large) = (colony.user("ada").await, colony.executor("large", "t").await);
    let mut polls = Polls::new();
    crowd(&colony, &mut polls).await;
    poll(&mut polls, MANY, &large, v1::Offer { cpu: "64".into(), ..Default::default() });
    colony.wait_for_polls(MANY as u64 + 1).await;
    let mut heavy = user.spec("t", "f");
    heavy.requires = Requirements { cpu: Some("64".parse().unwrap()), ..Requirements::default() };
    user.submit(&heavy).await.unwrap();
    assert_eq!(answered(&mut polls).await, (MANY, heavy.process_id.to_string()));
    // No poll is left for the next process of this kind, and it does not block those behind it.
    let mut another = user.spec("t", "f");
    another.requires = heavy.requires.clone();
    user.submit(&another).await.unwrap();
    let light = user.submit_json("t", "f", &()).await.unwrap().process_id.to_string();
    let (number, process_id) = answered(&mut polls).await;
    assert!(number < MANY);
    assert_eq!(process_id, light);
    colony.wait_for_polls(MANY as u64 - 1).await;
}

// Case 19.
async fn each_of_hundreds_gets_one(colony: TestColony) {
    let user = colony.user("ada").await;
    let mut polls = Polls::new();
    crowd(&colony, &mut polls).await;
    let mut expected = Vec::new();
    for _ in 0..MANY - 5 {
        expected.push(user.submit_json("t", "f", &()).await.unwrap().process_id.to_string());
    }
    let mut claimed = Vec::new();
    for _ in 0..MANY - 5 {
        claimed.push(answered(&mut polls).await.1);
    }
    claimed.sort();
    expected.sort();
    assert_eq!(claimed, expected);
    colony.wait_for_polls(5).await;
    assert!(polls.try_join_next().is_none(), "nobody is woken for nothing");
}
