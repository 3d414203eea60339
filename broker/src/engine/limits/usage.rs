//! Use of the limits that count a process, for explanations.

use std::collections::HashMap;

use apiary_store::model::{Bucket, Colony, ExplainRecord, Limit, LimitKind, LimitUse, Limits, WaitingGroup};

use crate::Error;
use crate::engine::Engine;
use crate::engine::explain::LimitUsage;

impl Engine {
    /// Returns the limits that count a process, with their use.
    pub(in crate::engine) async fn counted(
        &self,
        colony: &Colony,
        record: &ExplainRecord,
        now_ms: i64,
    ) -> Result<Vec<LimitUsage>, Error> {
        let limits = self.limits_of(colony).await?;
        let mut counted = Vec::new();
        let (executor_type, function) = (&record.summary.executor_type, &record.summary.function);
        for (kind, key) in counters(executor_type, function, &record.concurrency_key, &record.rate_key) {
            let limit = limits.holding(kind, key);
            let running_max = running_max(kind, limit);
            let rate = limit.and_then(|limit| limit.rate);
            if running_max.is_none() && rate.is_none() {
                continue;
            }
            let holders = self.store.limit_holders(colony.key, kind, key).await?;
            counted.push(LimitUsage {
                kind: words(kind),
                key: key.to_owned(),
                places: running_max.map(|most| (holders.running, most)),
                holders: holders.process_ids,
                next_start_ms: next_start_ms(limit, holders.bucket, now_ms),
            });
        }
        Ok(counted)
    }

    /// Returns the limits of a colony, with the largest uses.
    pub(in crate::engine) async fn limits_with_use(&self, colony: &Colony) -> Result<ColonyLimits, Error> {
        let limits = self.limits_of(colony).await?;
        let uses = self.store.list_limit_uses(colony.key).await?;
        let uses = uses.into_iter().map(|used| ((used.kind, used.key.clone()), used)).collect();
        Ok(ColonyLimits { limits, uses })
    }

    async fn limits_of(&self, colony: &Colony) -> Result<Limits, Error> {
        Ok(self.store.list_limits(colony.key).await?.into_iter().map(|record| record.limit).collect())
    }
}

/// The limits of a colony, with their use.
pub(in crate::engine) struct ColonyLimits {
    limits: Limits,
    uses: HashMap<(LimitKind, String), LimitUse>,
}

impl ColonyLimits {
    /// True if a limit holds back these waiting processes.
    pub(in crate::engine) fn hold_back(&self, executor_type: &str, sort: &WaitingGroup, now_ms: i64) -> bool {
        let mut keys = counters(executor_type, &sort.function, &sort.concurrency_key, &sort.rate_key);
        keys.any(|(kind, key)| {
            let limit = self.limits.holding(kind, key);
            let used = self.uses.get(&(kind, key.to_owned()));
            let running = used.map_or(0, |used| used.running);
            running_max(kind, limit).is_some_and(|most| running >= most)
                || next_start_ms(limit, used.and_then(|used| used.bucket), now_ms).is_some()
        })
    }
}

/// Returns the keys and names that a process is counted by.
fn counters<'p>(
    executor_type: &'p str,
    function: &'p str,
    concurrency_key: &'p Option<String>,
    rate_key: &'p Option<String>,
) -> impl Iterator<Item = (LimitKind, &'p str)> {
    let keys = [
        (LimitKind::ConcurrencyKey, concurrency_key.as_deref()),
        (LimitKind::RateKey, rate_key.as_deref()),
        (LimitKind::ExecutorType, Some(executor_type)),
        (LimitKind::Function, Some(function)),
    ];
    keys.into_iter().filter_map(|(kind, key)| Some((kind, key?)))
}

/// Returns the most processes that may run; a concurrency key without a limit runs one at a time.
fn running_max(kind: LimitKind, limit: Option<&Limit>) -> Option<i64> {
    match (kind, limit) {
        (LimitKind::ConcurrencyKey, None) => Some(Limit::DEFAULT_RUNNING_MAX),
        (_, limit) => limit.and_then(|limit| limit.running_max).map(i64::from),
    }
}

/// Returns the time of the next start by the rate, if none is allowed now.
fn next_start_ms(limit: Option<&Limit>, bucket: Option<Bucket>, now_ms: i64) -> Option<i64> {
    let (rate, bucket) = limit.and_then(|limit| limit.rate).zip(bucket)?;
    let left = bucket.refilled(&rate, now_ms);
    (!left.has_token()).then(|| left.next_start_ms(&rate))
}

fn words(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::ConcurrencyKey => "concurrency key",
        LimitKind::RateKey => "rate key",
        LimitKind::ExecutorType => "executor type",
        LimitKind::Function => "function",
    }
}
