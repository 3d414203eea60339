//! Features, over a real socket, on each database: one file per verb, and one per promise.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, also where they are plain functions that each store runs"
)]

/// Runs each named test, an `async fn(TestColony)` beside the call, on a broker over SQLite and on one over Postgres.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::TestColony::start(apiary_tests::Backend::sqlite().await).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(apiary_tests::TestColony::start(apiary_tests::Backend::postgres().await).await).await;
            })+
        }
    };
}

mod archives;
mod attacks;
mod bees;
mod brokers;
mod bulks;
mod clients;
mod colonies;
mod databases;
mod disks;
mod events;
mod executors;
mod grants;
mod import;
mod leases;
mod limits;
mod outbox;
mod pauses;
mod policy;
mod processes;
mod proxies;
mod restart;
mod security;
