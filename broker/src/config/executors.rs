//! Settings about executors that are not heard.

use std::time::Duration;

use crate::StartError;
use crate::limits::{EXECUTOR_GONE_AFTER, EXECUTOR_SILENT_AFTER, UNATTENDED_AFTER};

/// The longest allowed time until an executor counts as gone.
const MOST: Duration = Duration::from_secs(24 * 3600);
/// The shortest allowed time until an executor counts as silent.
const LEAST: Duration = Duration::from_millis(100);

/// Times after which executors count as silent or gone, and waiting work as unattended.
#[derive(Clone, Debug)]
pub struct ExecutorsConfig {
    /// The time without a sign of an executor after which it is silent: 100 milliseconds to a day.
    pub silent_after: Duration,
    /// The time after which it is gone: longer, up to a day.
    pub gone_after: Duration,
    /// The time after which waiting work without a listening executor is reported: 100 milliseconds to a day.
    pub unattended_after: Duration,
}

impl Default for ExecutorsConfig {
    fn default() -> Self {
        Self {
            silent_after: EXECUTOR_SILENT_AFTER,
            gone_after: EXECUTOR_GONE_AFTER,
            unattended_after: UNATTENDED_AFTER,
        }
    }
}

impl ExecutorsConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
        let wrong = |setting, problem: &str| Err(StartError::Setting { setting, problem: problem.to_owned() });
        if !(LEAST..=MOST).contains(&self.silent_after) {
            return wrong("broker.executor_silent_after_seconds", "is 1 second to a day: say 60");
        }
        if !(LEAST..=MOST).contains(&self.unattended_after) {
            return wrong("broker.unattended_after_seconds", "is 1 second to a day: say 60");
        }
        if self.gone_after <= self.silent_after || self.gone_after > MOST {
            return wrong(
                "broker.executor_gone_after_seconds",
                "is longer than `broker.executor_silent_after_seconds`, up to a day: say twice as long",
            );
        }
        Ok(())
    }
}
