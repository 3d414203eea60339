//! Harness of the tests of the whole system: servers, databases, keys, and waits for conditions.

pub mod backend;
pub mod binary;
pub mod cluster;
pub mod colony;
pub mod daemon;
pub mod disk;
pub mod gotrue;
pub mod nginx;
pub mod parts;
pub mod ports;
pub mod postgrest;
pub mod proxy;
pub mod random;
pub mod stripe;
pub mod stripe_api;
pub mod web;

pub use apiary_executor_sdk::testing::{blocking, eventually, eventually_within};
pub use backend::{Backend, Hold, altered};
pub use binary::apiary_binary;
pub use cluster::{PgBouncer, Server, postgres_programs};
pub use colony::{TestColony, flip, grant_document, spoil};
pub use disk::{Disk, Fault};
pub use nginx::Nginx;
pub use ports::Port;
pub use postgrest::PostgrestStub;
pub use proxy::Proxy;
pub use web::{http, http2};

/// Runs each named test, an `async fn(TestColony)` beside the call, on a broker over SQLite and on one over Postgres.
#[macro_export]
macro_rules! on_each_store {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::TestColony::start($crate::Backend::sqlite().await).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::TestColony::start($crate::Backend::postgres().await).await).await;
            })+
        }
    };
}
