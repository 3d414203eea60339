//! Loss of the database during the work: everything acknowledged is there afterwards, and everything else got an error.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_broker::config::StoreConfig;
use apiary_executor_sdk::v1::ProcessState;
use apiary_executor_sdk::{CancellationToken, Executor, Failure, Work, retry};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{Backend, Proxy, TestColony, eventually, eventually_within};

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn cut_connections_are_an_honest_error_and_then_forgotten() {
        super::cut_connections_are_an_honest_error_and_then_forgotten().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_gone_for_ten_seconds_loses_nothing() {
        super::a_database_gone_for_ten_seconds_loses_nothing().await;
    }
}

/// All connections are cut repeatedly, as a fail-over does.
async fn cut_connections_are_an_honest_error_and_then_forgotten() {
    let colony = TestColony::start(Backend::postgres().await).await;
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut acknowledged = BTreeSet::new();
    for _ in 0..10 {
        colony.backend.cut_connections().await;
        for _ in 0..5 {
            let spec = user.spec("t", "f");
            let submitted = retry(Duration::from_secs(20), || user.submit(&spec)).await.unwrap();
            acknowledged.insert(submitted.process_id.to_string());
        }
    }
    let mut claimed = BTreeSet::new();
    while claimed.len() < acknowledged.len() {
        let leases = claim(&bee, "t", 100, Duration::from_secs(10)).await;
        assert!(!leases.is_empty(), "{} of {} were claimed", claimed.len(), acknowledged.len());
        claimed.extend(leases.into_iter().map(|lease| lease.process_id));
    }
    assert_eq!(claimed, acknowledged);
}

/// The connection to the database is closed for ten seconds while an executor works and a submitter submits.
async fn a_database_gone_for_ten_seconds_loses_nothing() {
    let backend = Backend::postgres().await;
    let direct = reqwest::Url::parse(&backend.url()).unwrap();
    let target = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap_or(5432));
    let proxy = Proxy::to(target).await;
    let mut by_proxy = direct;
    by_proxy.set_host(Some("127.0.0.1")).unwrap();
    by_proxy.set_port(Some(proxy.address().port())).unwrap();
    let colony = TestColony::start_on(backend, StoreConfig::postgres(by_proxy.as_str())).await;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move {
            let handler = |_: Work| async { Ok::<_, Failure>(()) };
            Executor::builder(bee).executor_type("t").slots(4).handle("f", handler).build().unwrap().run(stop).await
        }
    });
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let submitter = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for _ in 0..100 {
            let spec = user.spec("t", "f");
            retry(Duration::from_secs(40), || user.submit(&spec)).await.unwrap();
            acknowledged.push(spec.process_id);
            counter.fetch_add(1, Ordering::SeqCst);
            // The load's pace: at this one, most of it comes after the outage has begun.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        acknowledged
    });
    eventually("a fifth of the load is acknowledged", async || count.load(Ordering::SeqCst) >= 20).await;
    proxy.close();
    // The outage, of ten seconds.
    tokio::time::sleep(Duration::from_secs(10)).await;
    proxy.open();
    for id in submitter.await.unwrap() {
        eventually_within(Duration::from_secs(60), "it succeeds", async || {
            (state_of(&reader, id).await == ProcessState::Succeeded).then_some(())
        })
        .await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
