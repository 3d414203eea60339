//! A standby that is promoted under load, before or after its primary is demoted, without cutting a connection: broker
//! and bee find the new primary by themselves, and no acknowledged write is lost.

use std::time::Duration;

use apiary_broker::config::StoreConfig;
use apiary_executor_sdk::retry;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Clock as _, Content, KeyPair, SystemClock};
use apiary_store::ColonyStore as _;
use apiary_store::{Store as _, StoreError};
use apiary_store_postgres::{PostgresOptions, PostgresStore};
use apiary_tests::colony::state_of;
use apiary_tests::{Backend, Proxy, Server, TestColony, eventually, eventually_within, http, stripe};

use super::{by_way_of, finance_bee_on_postgres};

/// Number of events, sent one after the other; the fail-over comes in the middle.
const EVENTS: usize = 60;
/// Longest time until the fail-over is noticed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait of the broker for an answer, if it did not notice the fail-over.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// The order of the steps of a fail-over.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// The primary is demoted, then the standby promoted.
    DemoteFirst,
    /// The standby is promoted while the primary still accepts writes, which it can never confirm.
    PromoteFirst,
}

mod postgres {
    use super::Order;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost() {
        super::a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost(Order::DemoteFirst).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commits_that_are_never_confirmed_hold_nothing_up_for_long() {
        super::a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost(Order::PromoteFirst).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_commit_that_hangs_ends_once_its_server_is_known_to_be_demoted() {
        super::a_commit_that_hangs_ends_once_its_server_is_known_to_be_demoted().await;
    }
}

async fn a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost(order: Order) {
    let (primary, folder) = (Server::primary().await, tempfile::tempdir().unwrap());
    for database in ["broker", "record"] {
        primary.execute("postgres", &format!("CREATE DATABASE {database}")).await;
    }
    let standby = primary.standby().await;
    let switch = Proxy::to(primary.address().to_string()).await;
    let url = by_way_of(&primary.url("broker"), switch.address());
    let colony = TestColony::start_on(Backend::sqlite().await, StoreConfig::postgres(url)).await;
    let (user, reader) = (colony.user("adapter").await, colony.reader().await);
    let record = by_way_of(&primary.url("record"), switch.address());
    let _bee = finance_bee_on_postgres(&colony, folder.path(), &record).await;

    let submit = async |number| {
        let event = stripe::subscription_created(number, SystemClock.now().as_second()).to_string();
        // The same spec for all tries: a commit without an answer is found again.
        let spec = user.spec("finance", "stripe.event").with_args(Content::from_bytes(event.as_bytes()));
        retry(PATIENCE, || user.submit(&spec)).await.unwrap().process_id
    };
    let mut submitted = Vec::new();
    for number in 0..EVENTS / 2 {
        submitted.push(submit(number).await);
    }
    // Open connections stay with the old primary: only its errors, or missing answers, can end them.
    let fail_over = async {
        match order {
            Order::DemoteFirst => {
                primary.demote().await;
                standby.promote().await;
            }
            Order::PromoteFirst => {
                standby.promote().await;
                primary.wait_for_unconfirmed_commits().await;
                primary.demote().await;
            }
        }
        switch.redirect(standby.address().to_string());
    };
    let submits = futures::future::join_all((EVENTS / 2..EVENTS).map(submit));
    let ((), later) = tokio::join!(fail_over, submits);
    submitted.extend(later);
    for process_id in submitted {
        eventually_within(PATIENCE, "the event is applied", async || {
            (state_of(&reader, process_id).await == ProcessState::Succeeded).then_some(())
        })
        .await;
    }
    let ready = http().get(format!("http://{}/readyz", colony.address())).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(standby.column("record", "SELECT id FROM stripe_events").await.len(), EVENTS);
    assert_eq!(standby.column("broker", "SELECT process_id::text FROM apiary.specs").await.len(), EVENTS);
}

async fn a_commit_that_hangs_ends_once_its_server_is_known_to_be_demoted() {
    let primary = Server::primary().await;
    let standby = primary.standby().await;
    let options = PostgresOptions { statement_time_max: ANSWER_MAX, ..PostgresOptions::default() };
    let store = PostgresStore::connect(&primary.url("postgres"), options).await.unwrap();
    store.migrate().await.unwrap();
    standby.promote().await;
    let write = async |name: &str| store.create_colony(&KeyPair::generate().id(), name, 1, None).await;
    let others = async {
        primary.wait_for_unconfirmed_commits().await;
        primary.demote().await;
        eventually("another write finds the server demoted", async || write("second").await.err()).await
    };
    let both = futures::future::join(write("first"), others);
    let (first, second) = tokio::time::timeout(PATIENCE, both).await.expect("the commit hangs");
    for error in [first.unwrap_err(), second] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
}
