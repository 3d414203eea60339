//! `Renew`: a lease lasts for as long as its executor renews it.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use tokio::time::Instant;

on_each_store!(a_renewed_lease_outlives_its_first_end, a_lost_lease_cannot_be_renewed, another_cannot_renew);

// Cases X10, X11.
async fn a_renewed_lease_outlives_its_first_end(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let request = v1::ClaimRequest {
        executor_type: "t".into(),
        count_max: 1,
        wait_ms: 10_000,
        lease_ms: 2000,
        ..Default::default()
    };
    let lease = bee.claim(request).await.unwrap().leases.remove(0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        let renewed = bee.renew(id, lease.attempt, Duration::from_secs(2)).await.unwrap();
        assert!(renewed.expires_at_ms > lease.expires_at_ms || start.elapsed() < Duration::from_millis(50));
        assert!(claim(&bee, "t", 1, Duration::from_millis(250)).await.is_empty());
    }
    assert!(bee.complete(&colony.success("bee", &lease, b"1")).await.is_ok());
}

async fn a_lost_lease_cannot_be_renewed(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    for (process_id, attempt) in [(id, lease.attempt + 1), (id, 0), (uuid::Uuid::now_v7(), 1)] {
        let lost = bee.renew(process_id, attempt, Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(lost.reason(), Some("LEASE_LOST"), "{process_id} {attempt}");
    }
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let over = bee.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(over.reason(), Some("LEASE_LOST"));
}

async fn another_cannot_renew(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let other = colony.executor("other", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let refused = other.renew(id, lease.attempt, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(refused.reason(), Some("LEASE_LOST"));
}
