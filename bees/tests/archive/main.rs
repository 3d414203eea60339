//! The archive bee on real brokers, over both databases, with a folder and with a server that speaks S3.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

/// Runs each named test, an `async fn(TestColony)`, on a broker over SQLite and on one over Postgres.
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

mod cycle;
mod damage;
mod erasure;
mod interrupted;
mod kills;
mod s3;
mod scene;
