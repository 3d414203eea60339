//! The contract of a database, one trait for each noun.

mod archives;
mod brokers;
mod bulks;
mod colonies;
mod dependencies;
mod events;
mod executors;
mod explain;
mod grants;
mod leases;
mod limits;
mod operations;
mod pauses;
mod processes;
mod retention;
mod running;
mod sweeps;

use std::time::Duration;

use crate::StoreResult;

pub use archives::ArchiveStore;
pub use brokers::BrokerStore;
pub use bulks::BulkStore;
pub use colonies::ColonyStore;
pub use dependencies::DependencyStore;
pub use events::EventStore;
pub use executors::ExecutorStore;
pub use explain::ExplainStore;
pub use grants::GrantStore;
pub use leases::LeaseStore;
pub use limits::LimitStore;
pub use operations::OperationStore;
pub use pauses::PauseStore;
pub use processes::ProcessStore;
pub use retention::RetentionStore;
pub use running::RunningStore;
pub use sweeps::SweepStore;

/// The whole contract: everything that the broker asks of a database.
///
/// Laws that hold for every method of this trait and of its supertraits:
/// - `Ok` means that the change is on disk (a commit with `fsync`). `Err` means that nothing changed, or that the connection broke
///   during the commit; repeating the call is safe.
/// - Every method can fail with [`StoreError::Unavailable`](crate::StoreError::Unavailable) and the other errors of a database.
///   A method's own documentation names only further errors.
/// - Times are Unix milliseconds, handed in: the store reads no clock.
/// - A batch is answered in the order of its items, with one answer for each item. An empty batch does not reach the database. No
///   batch has two items of the same process (or, in `submit`, of the same idempotency key).
/// - A call with one colony's key never returns or changes rows of another colony.
#[async_trait::async_trait]
pub trait Store:
    ArchiveStore
    + BrokerStore
    + BulkStore
    + ColonyStore
    + DependencyStore
    + EventStore
    + ExecutorStore
    + ExplainStore
    + GrantStore
    + LeaseStore
    + LimitStore
    + OperationStore
    + PauseStore
    + ProcessStore
    + RetentionStore
    + RunningStore
    + SweepStore
    + 'static
{
    /// Returns the name of the database: `postgres` or `sqlite`.
    fn kind(&self) -> &'static str;

    /// Makes sure that a migration which is about to run can be undone. Does nothing for a database that is new, or up to date.
    ///
    /// SQLite's file is copied to one beside it. Of a Postgres a backup must have been noted within the last 24 hours;
    /// [`StoreError::Schema`](crate::StoreError::Schema), with the remedy, if not.
    async fn ensure_backup(&self) -> StoreResult<()>;

    /// Runs the migrations that are missing, forward only. Safe when several brokers start at once.
    /// [`StoreError::Schema`](crate::StoreError::Schema) if the database is newer than this broker, or a migration was altered.
    async fn migrate(&self) -> StoreResult<()>;

    /// Fails with [`StoreError::Schema`](crate::StoreError::Schema), and the remedy, unless the schema is exactly the one that this broker
    /// was built for. Changes nothing.
    async fn check_schema(&self) -> StoreResult<()>;

    /// Fails unless changes can be committed. A commit within the last `age_max` is proof enough; otherwise the method writes one small
    /// row. Simultaneous callers share that write.
    async fn prove_writable(&self, age_max: Duration, now_ms: i64) -> StoreResult<()>;

    /// Returns the time of the database's clock in Unix milliseconds; `None` for a database that only one broker uses.
    async fn database_time_ms(&self) -> StoreResult<Option<i64>>;

    /// Closes all connections, each after its statement in progress.
    async fn close(&self);
}
