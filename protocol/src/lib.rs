//! Words that both sides of the wire share: refusal reasons, whose fault a failure is, and schemas of arguments. Pure: no I/O, no async.

pub mod details;
pub mod fault;
mod journal;
pub mod near;
pub mod pages;
mod reason;
#[cfg(feature = "schema")]
pub mod schema;

pub use fault::Fault;
pub use journal::{AttributeKind, LogLevel};
pub use reason::Reason;
