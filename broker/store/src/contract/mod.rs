//! The contract of a database, one trait for each noun.

mod brokers;
mod bulks;
mod colonies;
mod dependencies;
mod executors;
mod explain;
mod grants;
mod leases;
mod limits;
mod operations;
mod pauses;
mod processes;
mod running;
mod sweeps;

use std::time::Duration;

use crate::StoreResult;

pub use brokers::BrokerStore;
pub use bulks::BulkStore;
pub use colonies::ColonyStore;
pub use dependencies::DependencyStore;
pub use executors::ExecutorStore;
pub use explain::ExplainStore;
pub use grants::GrantStore;
pub use leases::LeaseStore;
pub use limits::LimitStore;
pub use operations::OperationStore;
pub use pauses::PauseStore;
pub use processes::ProcessStore;
pub use running::RunningStore;
pub use sweeps::SweepStore;

/// Everything that the broker asks of a database.
///
/// Laws that hold for every method of this trait and of those that it gathers:
/// - When it returns `Ok`, the change is on disk (commit with `fsync`); when it returns `Err`, either nothing
///   changed or the connection broke during the commit, and repeating the call is safe.
/// - Times are Unix milliseconds, handed in: the store reads no clock.
/// - Batches are answered in the order of their items, one answer an item; an empty batch asks nothing of the
///   database. No batch has two items of the same process (or, in `submit`, of the same idempotency key).
/// - Rows of one colony are never seen through another colony's key.
#[async_trait::async_trait]
pub trait Store:
    BrokerStore
    + BulkStore
    + ColonyStore
    + DependencyStore
    + ExecutorStore
    + ExplainStore
    + GrantStore
    + LeaseStore
    + LimitStore
    + OperationStore
    + PauseStore
    + ProcessStore
    + RunningStore
    + SweepStore
    + 'static
{
    /// Which database this is, `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// Brings the schema up to date, forward only. Safe when several brokers start at once.
    async fn migrate(&self) -> StoreResult<()>;

    /// Fails, naming the fix, unless the schema is exactly the one this broker was built for.
    async fn check_schema(&self) -> StoreResult<()>;

    /// Fails unless changes can be committed: one was within the last `age_max`, or a small one is now. Callers who come at once
    /// share one write.
    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()>;

    /// The database's clock, Unix milliseconds, where several brokers share the database; else `None`.
    async fn database_time_ms(&self) -> StoreResult<Option<i64>>;

    /// Ends all connections after their statements in progress.
    async fn close(&self);
}
