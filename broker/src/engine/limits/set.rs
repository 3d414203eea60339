//! Setting a limit.

use apiary_store::limits::LIMITS_MAX;
use apiary_store::model::{Limit, LimitRecord};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;

impl Engine {
    /// Stores a limit, or changes it. New claims follow it, at every broker, and the polls of the colony are woken.
    /// Running work goes on.
    pub(crate) async fn set_limit(&self, permit: Permit<action::SetLimit>, limit: Limit) -> Result<LimitRecord, Error> {
        let colony = permit.colony();
        let record = LimitRecord { limit, by: permit.actor().to_owned(), set_at_ms: self.clock.now_ms() };
        if !self.store.set_limit(colony.key, &record).await? {
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
