//! How long executors may not be heard.

use std::time::Duration;

use crate::StartError;
use crate::limits::{EXECUTOR_GONE_AFTER, EXECUTOR_SILENT_AFTER, UNATTENDED_AFTER};

/// The longest that an executor may be unheard before it counts as gone.
const MOST: Duration = Duration::from_secs(24 * 3600);
/// The shortest that an executor may be unheard before it counts as silent.
const LEAST: Duration = Duration::from_millis(100);

/// How long executors may not be heard.
#[derive(Clone, Debug)]
pub struct ExecutorsConfig {
    /// After so long one is silent: 100 milliseconds to a day.
    pub silent_after: Duration,
    /// After so long one is gone: longer, up to a day.
    pub gone_after: Duration,
    /// Work that has waited for so long, and nobody listens, is reported: 100 milliseconds to a day.
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
