//! Retention times of finished processes, and of events.

use std::time::Duration;

use crate::StartError;

/// The shortest retention.
const SHORTEST: Duration = Duration::from_secs(1);

/// Retention times of finished processes, by final state, and of events; `None`, the default, for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetentionConfig {
    /// The time for processes that succeeded.
    pub succeeded: Option<Duration>,
    /// The time for processes that failed.
    pub failed: Option<Duration>,
    /// The time for processes that were cancelled.
    pub cancelled: Option<Duration>,
    /// The time for dead letters.
    pub dead_letters: Option<Duration>,
    /// The time for events. Beside it, a colony keeps only so many.
    pub events: Option<Duration>,
}

impl RetentionConfig {
    pub(super) fn check(&self) -> Result<(), StartError> {
        let settings = [
            ("broker.retain_succeeded", self.succeeded),
            ("broker.retain_failed", self.failed),
            ("broker.retain_cancelled", self.cancelled),
            ("broker.retain_dead_letters", self.dead_letters),
            ("broker.retain_events", self.events),
        ];
        for (setting, kept) in settings {
            if kept.is_some_and(|kept| kept < SHORTEST) {
                let problem =
                    "is shorter than a second: say how long to keep them, such as `30d`, or `forever`".to_owned();
                return Err(StartError::Setting { setting, problem });
            }
        }
        Ok(())
    }
}
