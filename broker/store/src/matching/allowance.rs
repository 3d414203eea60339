//! Room under limits, in one claim: pure accounting. Running processes are counted from `leases` each time, so no counter can drift
//! from the truth; only the tokens of rates are stored.

use std::collections::{HashMap, HashSet};

use super::assignment::Candidate;
use crate::limits::CLAIM_KEYS_MAX;
use crate::model::{Bucket, Limit, LimitKind, LimitUse, Limits, Rate};

/// A counted thing: a kind of limit, and a key or name.
pub type Counter = (LimitKind, String);

/// Room under the limits of a colony, for one lane. The default counts nothing, and gives out no work with a concurrency key.
#[derive(Debug, Default)]
pub struct Allowance {
    limits: Limits,
    executor_type: String,
    now_ms: i64,
    is_counted: bool,
    left: HashMap<Counter, Remaining>,
    knows_keys: bool,
    hit_limit: bool,
    waits_for_running: bool,
}

/// The limits that a claim found used up before it continued in another transaction. They count as used up until the claim ends, even
/// if room appears meanwhile: otherwise work further down the queue would get the room that earlier work waits for.
#[derive(Clone, Debug)]
pub struct ExhaustedLimits {
    used_up: HashMap<Counter, Remaining>,
    knows_keys: bool,
    hit_limit: bool,
    waits_for_running: bool,
}

/// The room left under one limit.
#[derive(Clone, Copy, Debug)]
struct Remaining {
    /// The number of processes that may still start to run; `None` for any number.
    places: Option<i64>,
    /// The rate, and the tokens left; `None` for any number of starts.
    rate: Option<(Rate, Bucket)>,
    is_touched: bool,
}

/// A token bucket from which this claim took.
#[derive(Debug)]
pub struct TokenUse<'a> {
    /// The kind of limit.
    pub kind: LimitKind,
    /// The key or name.
    pub key: &'a str,
    /// The tokens left.
    pub bucket: Bucket,
    /// The time at which it is full again.
    pub full_at_ms: i64,
}

impl Remaining {
    fn new(limit: Option<&Limit>, found: &LimitUse, now_ms: i64) -> Self {
        // A concurrency key says that its work must not overlap. Without a limit that holds one at a time, so that forgetting the
        // limit is safe. Every other kind is free without a limit.
        let most = match (limit, found.kind) {
            (None, LimitKind::ConcurrencyKey) => Some(Limit::DEFAULT_RUNNING_MAX),
            (limit, _) => limit.and_then(|limit| limit.running_max).map(i64::from),
        };
        // A missing bucket is full: a sweep deletes buckets that are full again.
        let bucket = |rate: Rate| match found.bucket {
            Some(bucket) => bucket.refilled(&rate, now_ms),
            None => Bucket::full(&rate, now_ms),
        };
        Self {
            // Below zero after a limit was lowered while more ran: nothing starts until enough of it ended.
            places: most.map(|most| most.saturating_sub(found.running)),
            rate: limit.and_then(|limit| limit.rate).map(|rate| (rate, bucket(rate))),
            is_touched: false,
        }
    }

    fn is_full(&self) -> bool {
        self.places.is_some_and(|places| places <= 0)
    }

    fn is_used_up(&self) -> bool {
        self.is_full() || self.rate.is_some_and(|(_, bucket)| !bucket.has_token())
    }

    fn take(&mut self) {
        self.is_touched = true;
        self.places = self.places.map(|places| places - 1);
        if let Some((_, bucket)) = &mut self.rate {
            bucket.take();
        }
    }
}

impl Allowance {
    /// Returns the room under these limits, with nothing counted yet. The caller keeps all other claims of the colony from counting
    /// meanwhile.
    pub fn new(limits: Limits, executor_type: &str, now_ms: i64) -> Self {
        let executor_type = executor_type.to_owned();
        Self { limits, executor_type, now_ms, is_counted: true, ..Self::default() }
    }

    /// Returns the knowledge that the claim needs when it continues in another transaction.
    pub fn exhausted(&self) -> ExhaustedLimits {
        // Only what is used up. Everything else must be counted again: the lock is free between the two transactions, and other
        // claims may have taken the rest.
        let used_up = self.left.iter().filter(|(_, left)| left.is_used_up());
        ExhaustedLimits {
            used_up: used_up.map(|(counter, left)| (counter.clone(), *left)).collect(),
            knows_keys: self.knows_keys,
            hit_limit: self.hit_limit,
            waits_for_running: self.waits_for_running,
        }
    }

    /// Continues a claim of an earlier transaction.
    pub fn resume(&mut self, exhausted: &ExhaustedLimits) {
        self.left.extend(exhausted.used_up.iter().map(|(counter, left)| (counter.clone(), *left)));
        self.knows_keys = exhausted.knows_keys;
        self.hit_limit = exhausted.hit_limit;
        self.waits_for_running = exhausted.waits_for_running;
    }

    /// Returns true if limits are counted. If not, the claim leaves out work with keys.
    pub fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// Returns the counters of these candidates that are not known yet.
    pub fn uncounted(&self, found: &[Candidate]) -> Vec<Counter> {
        if !self.is_counted {
            return Vec::new();
        }
        let asked: HashSet<Counter> = found.iter().flat_map(|candidate| self.counters(candidate)).collect();
        asked.into_iter().filter(|counter| !self.left.contains_key(counter)).collect()
    }

    /// Adds the use of counters, as the database has it.
    pub fn count(&mut self, uses: Vec<LimitUse>) {
        for found in uses {
            let left = Remaining::new(self.limits.holding(found.kind, &found.key), &found, self.now_ms);
            // A known counter stays: it includes what this claim took itself, and the leases of that are not in the database yet.
            self.left.entry((found.kind, found.key)).or_insert(left);
        }
    }

    /// Returns true if all concurrency keys in use should be read at once, because work waits for some of them.
    pub fn asks_for_keys(&self) -> bool {
        // One read of all keys in use, instead of meeting the full ones page by page. Not before work was refused for a full limit:
        // most claims need it never.
        self.is_counted && self.waits_for_running && !self.knows_keys
    }

    /// Adds the concurrency keys in use.
    pub fn count_keys(&mut self, uses: Vec<LimitUse>) {
        self.count(uses);
        self.knows_keys = true;
    }

    /// Returns true if every limit of this process has room. A counter that is not known has none.
    pub fn allows(&mut self, candidate: &Candidate) -> bool {
        let (mut allows, mut is_full) = (true, false);
        // All counters, without stopping at the first refusal: the answer must say whether the work waits for a running process, for
        // a token, or for both.
        for counter in self.counters(candidate) {
            let left = self.left.get(&counter);
            allows &= left.is_some_and(|left| !left.is_used_up());
            is_full |= left.is_none_or(Remaining::is_full);
        }
        self.hit_limit |= !allows;
        self.waits_for_running |= is_full;
        allows
    }

    /// Takes the room for a process that is given out.
    pub fn take(&mut self, candidate: &Candidate) {
        for counter in self.counters(candidate) {
            if let Some(left) = self.left.get_mut(&counter) {
                left.take();
            }
        }
    }

    /// Returns the keys or names of this kind that are used up, which the next scan leaves out. At most [`CLAIM_KEYS_MAX`]: further ones
    /// are refused one by one.
    pub fn used_up(&self, kind: LimitKind) -> Vec<String> {
        let of_kind = self.left.iter().filter(|((of, _), left)| *of == kind && left.is_used_up());
        let most = usize::try_from(CLAIM_KEYS_MAX).unwrap_or(usize::MAX);
        of_kind.map(|((_, key), _)| key.clone()).take(most).collect()
    }

    /// Returns true if the limit of the lane's executor type is used up: nothing more of the lane may start.
    pub fn is_type_used_up(&self) -> bool {
        let mut of_type = self.left.iter().filter(|((kind, _), _)| *kind == LimitKind::ExecutorType);
        of_type.any(|(_, left)| left.is_used_up())
    }

    /// Returns true if a limit held back work.
    pub fn hit_limit(&self) -> bool {
        self.hit_limit
    }

    /// Returns true if some of that work waits for a running process to end.
    pub fn waits_for_running(&self) -> bool {
        self.waits_for_running
    }

    /// Returns the time of the next allowed start under a rate that is used up; `None` if no work was held back.
    pub fn next_start_ms(&self) -> Option<i64> {
        // Without work that waits there is no need to wake up: the rate refills by itself.
        let token_uses = self.left.values().filter_map(|left| left.rate).filter(|(_, bucket)| !bucket.has_token());
        token_uses.map(|(rate, bucket)| bucket.next_start_ms(&rate)).min().filter(|_| self.hit_limit)
    }

    /// Returns the buckets from which this claim took. Only these need to be written back.
    pub fn token_uses(&self) -> Vec<TokenUse<'_>> {
        let touched = self.left.iter().filter(|(_, left)| left.is_touched);
        let token_uses = touched.filter_map(|((kind, key), left)| {
            let (rate, bucket) = left.rate?;
            Some(TokenUse { kind: *kind, key, bucket, full_at_ms: bucket.full_at_ms(&rate) })
        });
        token_uses.collect()
    }

    /// Returns the counters of this process.
    fn counters(&self, candidate: &Candidate) -> Vec<Counter> {
        let names = [(LimitKind::ExecutorType, &self.executor_type), (LimitKind::Function, &candidate.function)];
        let limited = names.into_iter().chain(candidate.rate_key.as_ref().map(|key| (LimitKind::RateKey, key)));
        // Names and rate keys without a limit are not counted, because each counter costs a count in the database.
        let limited = limited.filter(|(kind, key)| self.limits.holding(*kind, key).is_some());
        // A concurrency key is counted also without a limit: then it has the default of one at a time.
        let key = candidate.concurrency_key.as_ref().map(|key| (LimitKind::ConcurrencyKey, key));
        limited.chain(key).map(|(kind, key)| (kind, key.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LimitPolicy;

    const KEY: LimitKind = LimitKind::ConcurrencyKey;

    fn limit(kind: LimitKind, pattern: &str, running_max: Option<i32>, rate: Option<Rate>) -> Limit {
        Limit { kind, pattern: pattern.to_owned(), running_max, policy: LimitPolicy::Queue, rate }
    }

    fn candidate(concurrency_key: Option<&str>, rate_key: Option<&str>) -> Candidate {
        Candidate {
            function: "f".to_owned(),
            concurrency_key: concurrency_key.map(str::to_owned),
            rate_key: rate_key.map(str::to_owned),
            ..Candidate::default()
        }
    }

    fn used(kind: LimitKind, key: &str, running: i64, bucket: Option<Bucket>) -> LimitUse {
        LimitUse { kind, key: key.to_owned(), running, waiting: 0, bucket }
    }

    fn allowance(limits: impl IntoIterator<Item = Limit>, uses: Vec<LimitUse>) -> Allowance {
        let mut allowance = Allowance::new(limits.into_iter().collect(), "t", 1000);
        allowance.count(uses);
        allowance
    }

    fn taken(allowance: &mut Allowance, candidate: &Candidate) -> usize {
        let mut taken = 0;
        while allowance.allows(candidate) {
            allowance.take(candidate);
            taken += 1;
            assert!(taken < 1000, "no limit");
        }
        taken
    }

    #[test]
    fn a_key_that_nobody_limited_runs_one_at_a_time() {
        let mut free = allowance([], vec![used(KEY, "a", 0, None)]);
        assert_eq!(taken(&mut free, &candidate(Some("a"), None)), 1);
        let mut busy = allowance([], vec![used(KEY, "a", 1, None)]);
        assert_eq!(taken(&mut busy, &candidate(Some("a"), None)), 0);
        assert_eq!(busy.used_up(KEY), ["a"]);
        assert!(busy.hit_limit() && busy.waits_for_running());
        assert_eq!(busy.next_start_ms(), None);
    }

    #[test]
    fn more_than_the_limit_may_run_after_it_was_lowered_and_nothing_starts() {
        let mut lowered =
            allowance([limit(KEY, "a*", Some(2), None)], vec![used(KEY, "ab", 5, None), used(KEY, "a", 1, None)]);
        assert_eq!(taken(&mut lowered, &candidate(Some("ab"), None)), 0);
        assert_eq!(taken(&mut lowered, &candidate(Some("a"), None)), 1, "each key has the limit for itself");
    }

    #[test]
    fn the_narrowest_of_all_limits_decides_and_each_counts() {
        let rate = Rate { count: 3, interval_ms: 1000, burst: 3 };
        let limits = [
            limit(KEY, "a", Some(10), None),
            limit(LimitKind::Function, "f", Some(5), None),
            limit(LimitKind::ExecutorType, "t", Some(100), None),
            limit(LimitKind::RateKey, "r", None, Some(rate)),
        ];
        let both = candidate(Some("a"), Some("r"));
        let mut all = allowance(limits, Vec::new());
        let mut asked = all.uncounted(std::slice::from_ref(&both));
        asked.sort();
        assert_eq!(asked.len(), 4);
        all.count(asked.iter().map(|(kind, key)| used(*kind, key, 0, None)).collect());
        assert!(all.uncounted(std::slice::from_ref(&both)).is_empty());
        assert_eq!(taken(&mut all, &both), 3, "by the rate");
        assert_eq!(all.next_start_ms(), Some(1334));
        assert_eq!(all.used_up(LimitKind::RateKey), ["r"]);
        let token_uses = all.token_uses();
        assert_eq!((token_uses.len(), token_uses[0].key, token_uses[0].full_at_ms), (1, "r", 2000));
        assert_eq!(taken(&mut all, &candidate(None, None)), 2, "by the function");
        assert!(!all.is_type_used_up());
    }

    #[test]
    fn limits_found_exhausted_stay_so_until_the_scan_ends() {
        let mut first = allowance([], vec![used(KEY, "full", 1, None), used(KEY, "free", 0, None)]);
        assert!(!first.allows(&candidate(Some("full"), None)));
        assert!(first.asks_for_keys());
        first.count_keys(vec![used(KEY, "full", 1, None), used(KEY, "unseen", 1, None)]);
        let mut next = allowance([], Vec::new());
        next.resume(&first.exhausted());
        assert!(next.hit_limit() && next.waits_for_running() && !next.asks_for_keys());
        let mut keys = next.used_up(KEY);
        keys.sort();
        assert_eq!(keys, ["full", "unseen"]);
        next.count(vec![used(KEY, "full", 0, None)]);
        assert!(!next.allows(&candidate(Some("full"), None)), "work that was passed over comes first");
        let free = candidate(Some("free"), None);
        assert_eq!(next.uncounted(std::slice::from_ref(&free)), [(KEY, "free".to_owned())], "counted anew");
    }

    #[test]
    fn what_was_not_counted_is_not_given() {
        let mut allowance = allowance([], Vec::new());
        assert!(!allowance.allows(&candidate(Some("a"), None)));
        assert!(allowance.allows(&candidate(None, Some("of no limit"))));
    }

    #[test]
    fn a_rate_that_is_spent_says_when_the_next_may_start() {
        let rate = Rate { count: 1, interval_ms: 60_000, burst: 1 };
        let bucket = Bucket { tokens: 0.5, filled_at_ms: 1000 };
        let mut token_uses = allowance(
            [limit(LimitKind::RateKey, "*", None, Some(rate))],
            vec![used(LimitKind::RateKey, "r", 0, Some(bucket))],
        );
        assert_eq!(token_uses.next_start_ms(), None, "nothing waits for it");
        assert!(!token_uses.allows(&candidate(None, Some("r"))));
        assert_eq!(token_uses.next_start_ms(), Some(31_000));
        assert!(token_uses.hit_limit() && !token_uses.waits_for_running());
        assert!(token_uses.token_uses().is_empty(), "nothing was taken");
    }
}
