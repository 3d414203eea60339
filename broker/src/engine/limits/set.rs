//! Setting a limit.

use apiary_protocol::EventKind;
use apiary_store::limits::LIMITS_MAX;
use apiary_store::model::{Limit, LimitRecord, NewEvent};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Stores a limit, or changes it. New claims follow it, at every broker, and the polls of the colony are woken.
    /// Running work goes on.
    pub(crate) async fn set_limit(&self, permit: Permit<action::SetLimit>, limit: Limit) -> Result<LimitRecord, Error> {
        let colony = permit.colony();
        let record = LimitRecord { limit, by: permit.actor().to_owned(), set_at_ms: self.clock.now_ms() };
        let event = NewEvent {
            subject: format!("{} {}", record.limit.kind.as_str(), record.limit.pattern),
            detail: detail(&record.limit),
            ..permit.event(EventKind::LimitSet, record.set_at_ms)
        };
        if !self.store.set_limit(colony.key, &record, Some(&event)).await? {
            return Err(Error::Invalid(format!(
                "the colony has {LIMITS_MAX} limits, and that is the most: remove some, or use a pattern that ends in `*`"
            )));
        }
        self.wakeups.colony(colony.key);
        let (kind, pattern) = (record.limit.kind.as_str(), record.limit.pattern.as_str());
        tracing::info!(colony = colony.name, kind, pattern, by = record.by, "limit set");
        Ok(record)
    }
}

/// Returns the bounds of a limit in words.
fn detail(limit: &Limit) -> String {
    let running = limit.running_max.map(|count| format!("at most {count} running, then {}", limit.policy.as_str()));
    let rate = limit.rate.map(|rate| format!("{} in {} ms, burst {}", rate.count, rate.interval_ms, rate.burst));
    [running, rate].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
