//! A primary that is demoted under load, without one connection cut, and its standby promoted: broker and bee find the new one by
//! themselves, and nothing that was acknowledged is lost.

use std::time::Duration;

use apiary_broker::config::StoreConfig;
use apiary_executor_sdk::retry;
use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::colony::state_of;
use apiary_tests::{Backend, Proxy, Server, TestColony, eventually_within, http, stripe};

use super::{by_way_of, finance_bee};

/// Events, one after the other; the fail-over comes in the middle of them.
const EVENTS: usize = 60;
/// Longest time that anything may take that waits for the fail-over to be noticed: commits that the standby will never confirm are given up
/// after 20 s, and a bee whose calls all failed rests for a while.
const PATIENCE: Duration = Duration::from_secs(180);

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    async fn a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost() {
        super::a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost().await;
    }
}

async fn a_promoted_standby_is_found_without_a_restart_and_nothing_is_lost() {
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
    let _bee = finance_bee(&colony, folder.path(), &record).await;

    let mut submitted = Vec::new();
    for number in 0..EVENTS {
        if number == EVENTS / 2 {
            primary.demote().await;
            standby.promote().await;
            // Connections that are open stay with the old primary: it must be its answers that end them.
            switch.redirect(standby.address().to_string());
        }
        let event = stripe::subscription_created(number, SystemClock.now().as_second());
        let process = retry(PATIENCE, || user.submit_json("finance", "stripe.event", &event)).await.unwrap();
        submitted.push(process.process_id);
    }
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
