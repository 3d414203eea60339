//! Listing limits, with their use. Every member may see the limits; the keys in use, which often name customers, are only for
//! members who may read processes or set limits.

use std::collections::HashMap;

use apiary_store::model::{Colony, Limit, LimitKind, LimitRecord, LimitUse, Limits};

use crate::Error;
use crate::auth::{Permit, action};
use crate::engine::Engine;
use crate::limits::LIMIT_USES_SHOWN;

/// A limit with its use.
pub(crate) struct LimitWithUses {
    /// The limit, with the caller who set it.
    pub(crate) record: LimitRecord,
    /// The keys or names that use most of it.
    pub(crate) uses: Vec<KeyUse>,
}

/// The use of a limit by one key or name.
pub(crate) struct KeyUse {
    /// The key or name.
    pub(crate) key: String,
    /// The number of processes that run.
    pub(crate) running: i64,
    /// The number of processes that wait.
    pub(crate) waiting: i64,
    /// The time of the next start by its rate; `None` for now.
    pub(crate) next_start_ms: Option<i64>,
}

impl Engine {
    /// Returns every limit of the colony, by kind and pattern; with its uses for callers who may see them.
    pub(crate) async fn list_limits(&self, permit: Permit<action::ListLimits>) -> Result<Vec<LimitWithUses>, Error> {
        let sees_uses =
            permit.lacks::<action::ListProcesses>().is_none() || permit.lacks::<action::SetLimit>().is_none();
        self.limits_with_uses(permit.colony(), sees_uses).await
    }

    /// Returns every limit of a colony, with its uses if they are wanted.
    pub(in crate::engine) async fn limits_with_uses(
        &self,
        colony: &Colony,
        with_uses: bool,
    ) -> Result<Vec<LimitWithUses>, Error> {
        let colony = colony.key;
        let records = self.store.list_limits(colony).await?;
        let uses = match with_uses && !records.is_empty() {
            true => self.store.list_limit_uses(colony).await?,
            false => Vec::new(),
        };
        Ok(standings(records, uses, self.clock.now_ms()))
    }
}

/// Assigns each use, the largest first, to the limit that applies to it.
fn standings(records: Vec<LimitRecord>, uses: Vec<LimitUse>, now_ms: i64) -> Vec<LimitWithUses> {
    let limits: Limits = records.iter().map(|record| record.limit.clone()).collect();
    let mut by_limit: HashMap<(LimitKind, String), Vec<KeyUse>> = HashMap::new();
    for found in uses {
        if let Some(limit) = limits.holding(found.kind, &found.key) {
            let shown = by_limit.entry((limit.kind, limit.pattern.clone())).or_default();
            if shown.len() < LIMIT_USES_SHOWN {
                shown.push(standing(limit, found, now_ms));
            }
        }
    }
    let with_uses = |record: LimitRecord| {
        let uses = by_limit.remove(&(record.limit.kind, record.limit.pattern.clone())).unwrap_or_default();
        LimitWithUses { record, uses }
    };
    records.into_iter().map(with_uses).collect()
}

fn standing(limit: &Limit, found: LimitUse, now_ms: i64) -> KeyUse {
    let left = limit.rate.zip(found.bucket).map(|(rate, bucket)| (rate, bucket.refilled(&rate, now_ms)));
    let next_start_ms = left.filter(|(_, left)| !left.has_token()).map(|(rate, left)| left.next_start_ms(&rate));
    KeyUse { key: found.key, running: found.running, waiting: found.waiting, next_start_ms }
}

#[cfg(test)]
mod tests {
    use apiary_store::model::{Bucket, LimitPolicy, Rate};

    use super::*;

    fn record(kind: LimitKind, pattern: &str, rate: Option<Rate>) -> LimitRecord {
        let (pattern, policy) = (pattern.to_owned(), LimitPolicy::Queue);
        let limit = Limit { kind, pattern, running_max: Some(2), policy, rate };
        LimitRecord { limit, by: "ada".into(), set_at_ms: 0 }
    }

    #[test]
    fn each_key_is_shown_with_the_limit_that_holds_for_it_and_ten_at_the_most() {
        let kind = LimitKind::ConcurrencyKey;
        let used = |key: String| LimitUse { kind, key, running: 1, waiting: 2, bucket: None };
        let uses = (0..20).flat_map(|number| [used(format!("a-{number}")), used(format!("b-{number}"))]).collect();
        let all = standings(vec![record(kind, "a-*", None), record(kind, "a-3", None)], uses, 0);
        let keys = |at: usize| all[at].uses.iter().map(|one: &KeyUse| one.key.as_str()).collect::<Vec<_>>();
        assert_eq!(keys(0), ["a-0", "a-1", "a-2", "a-4", "a-5", "a-6", "a-7", "a-8", "a-9", "a-10"]);
        assert_eq!(keys(1), ["a-3"]);
        assert_eq!((all[0].uses[0].running, all[0].uses[0].waiting, all[0].uses[0].next_start_ms), (1, 2, None));
    }

    #[test]
    fn a_spent_rate_says_when_the_next_may_start() {
        let (kind, rate) = (LimitKind::RateKey, Rate { count: 1, interval_ms: 1000, burst: 1 });
        let bucket = Some(Bucket { tokens: 0.0, filled_at_ms: 5000 });
        let uses = || vec![LimitUse { kind, key: "r".into(), running: 0, waiting: 1, bucket }];
        let next =
            |now_ms: i64| standings(vec![record(kind, "r", Some(rate))], uses(), now_ms)[0].uses[0].next_start_ms;
        assert_eq!((next(5000), next(5500), next(6000)), (Some(6000), Some(6000), None));
    }
}
