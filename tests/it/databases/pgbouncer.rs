//! A transaction pooler in front of the database, unknown to broker and bee: Debian 12's PgBouncer, without prepared
//! statements, and a newer one. Both refuse start-up parameters.

use std::time::Duration;

use apiary_broker::config::StoreConfig;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Clock as _, SystemClock};
use apiary_store::BrokerStore as _;
use apiary_store::Store as _;
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_tests::colony::state_of;
use apiary_tests::{Backend, PgBouncer, Server, TestColony, eventually_within, http, stripe};
use futures::future::try_join_all;

use super::{by_way_of, finance_bee_on_postgres};

/// More processes than the pooler has connections.
const AT_ONCE: usize = 24;
/// Longest time for the events on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each named test, an `async fn(PgBouncer)` beside the call, with the system's PgBouncer and with a newer one.
macro_rules! with_each_pgbouncer {
    ($($name:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::PgBouncer::Installed).await;
            })+

            mod newer {
                $(#[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::super::$name(apiary_tests::PgBouncer::Newer).await;
                })+
            }
        }
    };
}

with_each_pgbouncer!(
    broker_and_bee_work_behind_a_pooler_without_a_setting,
    brokers_hear_of_each_others_work_past_the_pooler,
    a_direct_url_that_leads_to_the_pooler_is_refused,
);

async fn broker_and_bee_work_behind_a_pooler_without_a_setting(which: PgBouncer) {
    let (backend, record) = (Backend::postgres().await, Backend::postgres().await);
    let pooler = Server::pgbouncer(which, &reqwest::Url::parse(&backend.url()).unwrap()).await;
    let store = StoreConfig::postgres(by_way_of(&backend.url(), pooler.address()));
    let folder = tempfile::tempdir().unwrap();
    let colony = TestColony::start_on(backend, store).await;
    let (user, reader) = (colony.user("adapter").await, colony.reader().await);
    let _bee = finance_bee_on_postgres(&colony, folder.path(), &by_way_of(&record.url(), pooler.address())).await;
    let submits = (0..AT_ONCE).map(|number| {
        let event = stripe::subscription_created(number, SystemClock.now().as_second());
        let user = &user;
        async move { user.submit_json("finance", "stripe.event", &event).await }
    });
    for process in try_join_all(submits).await.unwrap() {
        eventually_within(PATIENCE, "the event is applied", async || {
            (state_of(&reader, process.process_id).await == ProcessState::Succeeded).then_some(())
        })
        .await;
    }
    let ready = http().get(format!("http://{}/readyz", colony.address())).send().await.unwrap();
    assert_eq!(ready.status(), 200, "{}", ready.text().await.unwrap());
}

async fn brokers_hear_of_each_others_work_past_the_pooler(which: PgBouncer) {
    let backend = Backend::postgres().await;
    let pooler = Server::pgbouncer(which, &reqwest::Url::parse(&backend.url()).unwrap()).await;
    let url = by_way_of(&backend.url(), pooler.address());
    let direct = PostgresOptions { direct_url: Some(backend.url()), ..PostgresOptions::default() };
    let store = PostgresStore::connect(&url, direct).await.unwrap();
    let mut heard = store.listen().await.unwrap().unwrap();
    store.notify("work").await.unwrap();
    for message in ["", "work"] {
        assert_eq!(tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().as_deref(), Some(message));
    }
    assert_eq!(store.count_listeners().await.unwrap(), Some(1), "the pooler does not hide the listener");
    store.close().await;
    // Without the server's own URL there are no notifications: polls find the work.
    let store = PostgresStore::connect(&url, PostgresOptions::default()).await.unwrap();
    assert!(store.listen().await.unwrap().is_none());
    store.close().await;
}

async fn a_direct_url_that_leads_to_the_pooler_is_refused(which: PgBouncer) {
    let backend = Backend::postgres().await;
    let pooler = Server::pgbouncer(which, &reqwest::Url::parse(&backend.url()).unwrap()).await;
    let url = by_way_of(&backend.url(), pooler.address());
    for server in [&url, &backend.url()] {
        let options = PostgresOptions { direct_url: Some(url.clone()), ..PostgresOptions::default() };
        let store = PostgresStore::connect(server, options).await.unwrap();
        let words = store.listen().await.unwrap_err().to_string();
        assert!(words.contains("broker.database_direct_url leads to a connection pooler"), "{words}");
        store.close().await;
    }
}
