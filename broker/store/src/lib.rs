//! What the broker asks of a database: plain types, one trait for each noun, and the pure decisions of a claim. No SQL and
//! no I/O: the crates `store-postgres` and `store-sqlite` implement [`Store`], file for file, one `.sql` file for each statement.
//!
//! A process's state is which thin table its row is in; a transition deletes from one and inserts into the next in one
//! transaction, and a row that is not there to be deleted means that somebody else was first.

pub mod checks;
mod contract;
mod error;
pub mod limits;
pub mod logbook;
pub mod matching;
pub mod model;
pub mod rows;
pub mod schema;

pub use contract::{
    BrokerStore, BulkStore, ColonyStore, DependencyStore, ExecutorStore, ExplainStore, GrantStore, LeaseStore,
    LimitStore, OperationStore, PauseStore, ProcessStore, RunningStore, Store, SweepStore,
};
pub use error::StoreError;

/// The answer of every method.
pub type StoreResult<T> = Result<T, StoreError>;
