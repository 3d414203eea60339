//! The database goes away in the middle of the work.

use std::time::Duration;

use apiary_executor_sdk::retry;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn cut_connections_are_an_honest_error_and_then_forgotten() {
        let backend = apiary_tests::Backend::postgres().await;
        super::cut_connections_are_an_honest_error_and_then_forgotten(apiary_tests::TestColony::start(backend).await)
            .await;
    }
}

/// Every connection is cut again and again, as a fail-over does it: what was acknowledged is there afterwards, and what was
/// not acknowledged said so.
async fn cut_connections_are_an_honest_error_and_then_forgotten(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut acknowledged = std::collections::BTreeSet::new();
    for _ in 0..10 {
        colony.backend.cut_connections().await;
        for _ in 0..5 {
            let spec = user.spec("t", "f");
            let submitted = retry(Duration::from_secs(20), || user.submit(&spec)).await.unwrap();
            acknowledged.insert(submitted.process_id.to_string());
        }
    }
    let mut claimed = std::collections::BTreeSet::new();
    while claimed.len() < acknowledged.len() {
        let leases = claim(&bee, "t", 100, Duration::from_secs(10)).await;
        assert!(!leases.is_empty(), "{} of {} were claimed", claimed.len(), acknowledged.len());
        claimed.extend(leases.into_iter().map(|lease| lease.process_id));
    }
    assert_eq!(claimed, acknowledged);
}
