//! Duties of every long-running part: supervised background tasks, notices for the operator, and a log that cannot fail or block.

mod causes;
pub mod door;
mod log;
pub mod metrics;
mod notices;
mod supervisor;
mod throttle;
pub mod tls;
pub mod traces;

pub use causes::with_causes;
pub use log::{LogWriter, log_panics};
pub use metrics::Metrics;
pub use notices::{Notice, Notices};
pub use supervisor::{Life, Supervisor, words};
pub use throttle::{HeldBack, Throttle};
