//! Duties of every long-running part: supervised background tasks, notices for the operator, and a log that cannot fail or block.

mod notices;
pub mod tls;

pub use notices::{Notice, Notices};
