//! Vocabulary shared by both sides of the wire: refusal reasons, the side at fault in a failure, bounds of the
//! wire, and schemas of arguments. Pure: no I/O, no async.

pub mod details;
mod event;
pub mod fault;
mod journal;
pub mod limits;
pub mod near;
pub mod pages;
mod reason;
#[cfg(feature = "schema")]
pub mod schema;
pub mod snapshot;

pub use event::{EventClass, EventKind};
pub use fault::Fault;
pub use journal::{AttributeKind, LogLevel};
pub use reason::Reason;
