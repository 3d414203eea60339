//! The store contract: every law of `broker/store/src/contract/mod.rs`, on each back-end.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a call that fails must fail its test")]

/// Runs each named test, an `async fn(Backend)`, on a SQLite file and on a Postgres database of its own, and then checks the counters.
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let backend = apiary_tests::Backend::sqlite().await;
                super::$name(backend.clone()).await;
                crate::counts::check(&backend).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let backend = apiary_tests::Backend::postgres().await;
                super::$name(backend.clone()).await;
                crate::counts::check(&backend).await;
            })+
        }
    };
}

mod agreement;
mod archives;
mod brokers;
mod bulks;
mod cancellation;
mod colonies;
mod counts;
mod crowds;
mod dependencies;
mod event_classes;
mod events;
mod executors;
mod grants;
mod health;
mod leases;
mod lifecycle;
mod limits;
mod opening;
mod operations;
mod outages;
mod pauses;
mod policies;
mod processes;
mod recovery;
mod reference;
mod resubmissions;
mod retention;
mod revocations;
mod schema;
mod signatures;
mod standstill;
mod sweeps;
mod tampering;
mod tenant;
mod waits;
