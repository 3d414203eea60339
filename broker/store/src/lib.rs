//! The contract between the broker and a database: plain types, one trait for each noun, and the pure decisions of a claim. No SQL
//! and no I/O: the crates `store-postgres` and `store-sqlite` implement [`Store`], file for file, one `.sql` file for each statement.
//!
//! The state of a process is the thin table that holds its row. A transition deletes the row from one table and inserts it into the
//! next, in one transaction. If there is no row to delete, another transition came first.

pub mod checks;
mod contract;
pub mod documents;
mod error;
pub mod lifecycle;
pub mod limits;
pub mod logbook;
pub mod matching;
pub mod model;
pub mod restored;
pub mod rows;
pub mod schema;
pub mod signatures;

pub use contract::{
    ArchiveStore, BrokerStore, BulkStore, ColonyStore, DependencyStore, EventStore, ExecutorStore, ExplainStore,
    GrantStore, LeaseStore, LimitStore, OperationStore, PauseStore, ProcessStore, RetentionStore, RunningStore, Store,
    SweepStore,
};
pub use error::StoreError;

/// The result of every method.
pub type StoreResult<T> = Result<T, StoreError>;
