//! Words that both sides of the wire share: refusal reasons, and whose fault a failure is. Pure: no I/O, no async.

pub mod details;
pub mod fault;
pub mod near;
pub mod pages;
mod reason;

pub use fault::Fault;
pub use reason::Reason;
