//! `Release`: given back untouched.

use apiary_tests::TestColony;

on_each_store!(it_waits_again_at_once_and_spends_no_retry, only_the_holder_releases);

async fn it_waits_again_at_once_and_spends_no_retry(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.max_retries = 0;
    user.submit(&spec).await.unwrap();
    for attempt in 1..=3 {
        let lease = colony.claim_one(&bee, "t").await;
        assert_eq!((lease.attempt, lease.retries_left), (attempt, 0));
        bee.release(spec.process_id, attempt).await.unwrap();
    }
    let again = bee.release(spec.process_id, 3).await.unwrap_err();
    assert_eq!(again.reason(), Some("LEASE_LOST"));
}

async fn only_the_holder_releases(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let other = colony.executor("other", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(other.release(id, lease.attempt).await.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(user.release(id, lease.attempt).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    assert!(bee.release(id, lease.attempt).await.is_ok());
}
