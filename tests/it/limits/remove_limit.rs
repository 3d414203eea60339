//! `RemoveLimit`.

use apiary_tests::TestColony;

use super::{answer, claim_all, poll, running, submit_keyed};

on_each_store!(
    a_blocked_claim_gets_its_work_when_the_limit_is_gone,
    a_key_whose_limit_is_gone_runs_one_at_a_time,
    to_remove_what_is_not_there_is_no_error
);

async fn a_blocked_claim_gets_its_work_when_the_limit_is_gone(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    for (kind, pattern, function) in [("executor_type", "t", "f"), ("function", "g", "g")] {
        owner.set_limit(running(kind, pattern, 1)).await.unwrap();
        user.submit_json("t", function, &()).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        let second = user.submit_json("t", function, &()).await.unwrap().process_id;
        let poll = poll(&bee, "t");
        colony.wait_for_polls(1).await;
        assert!(claim_all(&bee).await.is_empty());
        assert!(owner.remove_limit(kind, pattern).await.unwrap());
        assert_eq!(answer(poll).await, second);
        super::complete(&colony, &bee, &lease).await;
    }
}

async fn a_key_whose_limit_is_gone_runs_one_at_a_time(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    owner.set_limit(running("concurrency_key", "k", 2)).await.unwrap();
    for _ in 0..4 {
        submit_keyed(&user, "k").await;
    }
    let leases = claim_all(&bee).await;
    assert_eq!(leases.len(), 2);
    owner.remove_limit("concurrency_key", "k").await.unwrap();
    super::complete(&colony, &bee, &leases[0]).await;
    assert!(claim_all(&bee).await.is_empty());
    super::complete(&colony, &bee, &leases[1]).await;
    assert_eq!(claim_all(&bee).await.len(), 1);
}

async fn to_remove_what_is_not_there_is_no_error(colony: TestColony) {
    let owner = colony.client(&colony.key);
    assert!(!owner.remove_limit("function", "f").await.unwrap());
    owner.set_limit(running("function", "f", 1)).await.unwrap();
    assert!(!owner.remove_limit("executor_type", "f").await.unwrap());
    assert!(owner.remove_limit("function", "f").await.unwrap());
}
