//! The store in one SQLite file, for one broker. The same tables and the same statements, method for method, as in
//! Postgres; one connection writes, a few read.

mod archives;
mod backup;
mod batch;
mod brokers;
mod bulks;
mod colonies;
mod dependencies;
mod events;
mod executors;
mod explain;
mod fault;
mod file;
mod grants;
mod leases;
mod limits;
mod lists;
mod operations;
mod pauses;
mod processes;
mod retention;
mod running;
mod schema;
mod store;
mod sweeps;
mod transaction;

use std::sync::PoisonError;
use std::time::Duration;

use apiary_store::{Store, StoreResult, rows};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

pub use backup::back_up;
pub use schema::schema_version;
pub use store::SqliteStore;

#[async_trait::async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn ensure_backup(&self) -> StoreResult<()> {
        schema::ensure_backup(self).await
    }

    async fn migrate(&self) -> StoreResult<()> {
        schema::migrate(self).await
    }

    async fn check_schema(&self) -> StoreResult<()> {
        schema::check(self).await
    }

    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()> {
        transaction::prove_writable(self, age_max, now_ms).await
    }

    async fn database_time_ms(&self) -> StoreResult<Option<i64>> {
        Ok(None)
    }

    async fn close(&self) {
        self.readers.close().await;
        // The last connection to close brings the write-ahead log into the file.
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Reads the process ids that a statement returned.
fn process_ids(found: &[SqliteRow]) -> StoreResult<Vec<Uuid>> {
    found.iter().map(|row| rows::process_id(row)).collect()
}
