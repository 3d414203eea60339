//! The side at fault in a failure. Bees, adapters, the SDK and the CLI all use this module, so that they agree.
//!
//! The rule: a document is at fault only if a refusal with a code says so. An answer without a known code comes from a
//! proxy or gateway, or is about the project, and says nothing about the document.

mod grpc;
mod postgrest;
mod sqlite;
mod sqlstate;

pub use grpc::of_grpc_status;
pub use postgrest::{PostgrestError, of_http_answer};
pub use sqlite::of_sqlite;
pub use sqlstate::of_sqlstate;

/// The side at fault in a failure, which decides whether the document fails, waits or is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The document: refused by a code that says so. Final.
    Document,
    /// The key, quota, tables, network or a proxy. The document waits without a limit and without using up retries, and
    /// an operator is notified.
    Surroundings,
    /// A temporary conflict, such as a lock: retry now or soon.
    Again,
}
