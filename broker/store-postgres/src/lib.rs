//! The store in Postgres, shared by any number of brokers.
//!
//! All tables are in the schema `apiary` and named so in every statement, whatever the `search_path`: the database may
//! be shared, and what is in `public` may be served to the world (Supabase does).

mod archives;
mod backup;
mod batch;
mod brokers;
mod bulks;
mod colonies;
mod connect;
mod dependencies;
mod events;
mod executors;
mod explain;
mod fault;
mod grants;
mod leases;
mod limits;
mod listener;
mod lists;
mod operations;
mod options;
mod pauses;
mod plain;
mod processes;
mod retention;
mod running;
mod schema;
mod session;
mod signatures;
mod store;
mod sweeps;

use std::time::Duration;

use apiary_store::{Store, StoreResult};

use batch::{column, number, process_ids};

pub use options::PostgresOptions;
pub use schema::schema_version;
pub use store::PostgresStore;

#[async_trait::async_trait]
impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn ensure_backup(&self) -> StoreResult<()> {
        self.require_backup().await
    }

    async fn migrate(&self) -> StoreResult<()> {
        self.run_migrations().await
    }

    async fn check_schema(&self) -> StoreResult<()> {
        self.compare_schema().await
    }

    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()> {
        brokers::prove_writable(self, age_max, now_ms).await
    }

    async fn database_time_ms(&self) -> StoreResult<Option<i64>> {
        brokers::database_time_ms(self).await.map(Some)
    }

    async fn close(&self) {
        self.stop.cancel();
        self.listeners.close();
        self.listeners.wait().await;
        self.pool.close().await;
    }
}
