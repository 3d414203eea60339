//! `DrainExecutor`: the executor gets no new work, finishes its current work, and can be resumed.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_identity::{GrantRight, Role};
use apiary_tests::TestColony;
use apiary_tests::colony::{CLAIM_WAIT, claim};

use super::{saying, state_of};

on_each_store!(a_drained_executor_finishes_and_takes_no_more_until_it_may, who_is_not_there_cannot_be_drained);

// Requirement R94.
async fn a_drained_executor_finishes_and_takes_no_more_until_it_may(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let (other, reader) = (colony.executor("other", "t").await, colony.reader().await);
    let operator = colony.grant("operator", Role::User, &[], &[], &[GrantRight::Executors]).await;
    bee.register_executor(saying("bee", &[])).await.unwrap();
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    let renewed = bee.renew(lease.process_id.parse().unwrap(), lease.attempt, Duration::from_secs(60)).await.unwrap();
    assert!(!renewed.drain);
    let drained = operator.drain_executor("bee", true).await.unwrap();
    assert_eq!(drained.iter().map(|one| one.state.as_str()).collect::<Vec<_>>(), ["draining"]);
    // Its current work continues, and the next renewal reports the drain.
    let process_id = lease.process_id.parse().unwrap();
    let renewed = bee.renew(process_id, lease.attempt, Duration::from_secs(60)).await.unwrap();
    assert!(renewed.drain && !renewed.cancelled);
    user.submit_json("t", "f", &()).await.unwrap();
    assert!(claim(&bee, "t", 1, Duration::from_millis(300)).await.is_empty());
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    assert_eq!(state_of(&reader, "bee").await.as_deref(), Some("draining"));
    // Other executors of the type are not affected.
    colony.claim_one(&other, "t").await;
    user.submit_json("t", "f", &()).await.unwrap();
    // A claim is answered at once, with the reason.
    let request = v1::ClaimRequest { executor_type: "t".into(), wait_ms: 60_000, ..Default::default() };
    let answer = bee.claim(request).await.unwrap();
    assert!(answer.leases.is_empty() && answer.drain);
    let lifted = operator.drain_executor("bee", false).await.unwrap();
    assert_ne!(lifted[0].state, "draining");
    assert_eq!(claim(&bee, "t", 1, CLAIM_WAIT).await.len(), 1);
}

async fn who_is_not_there_cannot_be_drained(colony: TestColony) {
    let owner = colony.client(&colony.key);
    assert_eq!(owner.drain_executor("nobody", true).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(owner.drain_executor("a b", true).await.unwrap_err().reason(), Some("INVALID"));
    let bee = colony.executor("bee", "t").await;
    assert_eq!(bee.drain_executor("bee", true).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
