//! Whose fault a failure is. Bees, adapters, the SDK and the CLI ask here, and nothing else decides.
//!
//! The rule: a document is at fault only if a coded refusal names it. An answer without such a code comes from something in
//! between, or speaks of the project, and says nothing about the document.

mod grpc;
mod postgrest;
mod sqlite;
mod sqlstate;

pub use grpc::of_grpc_status;
pub use postgrest::{PostgrestError, of_http_answer};
pub use sqlite::of_sqlite;
pub use sqlstate::of_sqlstate;

/// The side at fault in a failure, and so what becomes of the document that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// This very document is refused, by a code that says so: final.
    Document,
    /// The key, the quota, the tables, the network or a proxy: the document waits without an end and without spending retries, and
    /// an operator is told.
    Surroundings,
    /// Somebody was in the way for a moment: try again, now or soon.
    Again,
}
