//! Limits, as stored: how many processes run at once, and how fast they start.

use std::collections::HashMap;

use super::Bucket;

/// The property of a process that a limit counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitKind {
    /// The spec's concurrency key.
    ConcurrencyKey,
    /// The executor type.
    ExecutorType,
    /// The function.
    Function,
    /// The spec's rate key.
    RateKey,
}

impl LimitKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::ConcurrencyKey, Self::ExecutorType, Self::Function, Self::RateKey];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConcurrencyKey => "concurrency_key",
            Self::ExecutorType => "executor_type",
            Self::Function => "function",
            Self::RateKey => "rate_key",
        }
    }

    /// Returns the kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns true if submitters choose the value. Only then may a pattern be a prefix of many values.
    pub fn is_key(self) -> bool {
        matches!(self, Self::ConcurrencyKey | Self::RateKey)
    }
}

/// The treatment of a process beyond `running_max` of its concurrency key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LimitPolicy {
    /// The new process waits.
    #[default]
    Queue,
    /// The new process is cancelled.
    DropNewest,
    /// The oldest unfinished process is cancelled.
    CancelOldest,
}

impl LimitPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Queue, Self::DropNewest, Self::CancelOldest];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::DropNewest => "drop_newest",
            Self::CancelOldest => "cancel_oldest",
        }
    }

    /// Returns the policy of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

/// A maximum rate of starts. All parts are 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The most starts, in the long run,
    pub count: i32,
    /// in each interval of this many milliseconds;
    pub interval_ms: i64,
    /// and the most starts at once after a time without any.
    pub burst: i32,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The property that it counts by.
    pub kind: LimitKind,
    /// A whole key or name; or, for keys, a prefix and a `*`: each key with the prefix has the limit for itself.
    pub pattern: String,
    /// The most processes that run at once; `None` for no limit of this sort.
    pub running_max: Option<i32>,
    /// The treatment of processes beyond `running_max`.
    pub policy: LimitPolicy,
    /// The maximum rate of starts; `None` for no limit of this sort.
    pub rate: Option<Rate>,
}

impl Limit {
    /// The `running_max` of a concurrency key without a limit of its own: one at a time.
    pub const DEFAULT_RUNNING_MAX: i64 = 1;

    /// Returns the prefix of the keys that it is for; `None` for one whole key or name.
    pub fn prefix(&self) -> Option<&str> {
        self.kind.is_key().then(|| self.pattern.strip_suffix('*')).flatten()
    }
}

/// A limit with the caller who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRecord {
    /// The limit.
    pub limit: Limit,
    /// The name of the caller who set it last.
    pub by: String,
    /// When it was set last.
    pub set_at_ms: i64,
}

/// The use of a limit by one key or name.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitUse {
    /// The kind of the key or name.
    pub kind: LimitKind,
    /// The key or name.
    pub key: String,
    /// The number of processes that run.
    pub running: i64,
    /// The number of processes that wait.
    pub waiting: i64,
    /// The rest of its rate; `None` if all of it.
    pub bucket: Option<Bucket>,
}

/// The limits of a colony, indexed by key and prefix.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    whole: HashMap<LimitKind, HashMap<String, Limit>>,
    /// Limits with a prefix; the longest prefix is the first.
    beginnings: HashMap<LimitKind, Vec<Limit>>,
}

impl FromIterator<Limit> for Limits {
    fn from_iter<I: IntoIterator<Item = Limit>>(limits: I) -> Self {
        let mut all = Self::default();
        for limit in limits {
            match limit.prefix() {
                Some(_) => all.beginnings.entry(limit.kind).or_default().push(limit),
                None => _ = all.whole.entry(limit.kind).or_default().insert(limit.pattern.clone(), limit),
            }
        }
        for limits in all.beginnings.values_mut() {
            limits.sort_by_key(|limit| std::cmp::Reverse(limit.pattern.len()));
        }
        all
    }
}

impl Limits {
    /// Returns the limit that applies to a key or name: its own, or the one with the longest matching prefix.
    pub fn holding(&self, kind: LimitKind, key: &str) -> Option<&Limit> {
        let own = self.whole.get(&kind).and_then(|limits| limits.get(key));
        own.or_else(|| {
            let limits = self.beginnings.get(&kind)?;
            limits.iter().find(|limit| limit.prefix().is_some_and(|prefix| key.starts_with(prefix)))
        })
    }

    /// Returns the limit of a concurrency key if it cancels processes instead of queueing them.
    pub fn cancelling(&self, key: &str) -> Option<&Limit> {
        self.holding(LimitKind::ConcurrencyKey, key).filter(|limit| limit.policy != LimitPolicy::Queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(kind: LimitKind, pattern: &str) -> Limit {
        let policy = LimitPolicy::Queue;
        Limit { kind, pattern: pattern.to_owned(), running_max: Some(1), policy, rate: None }
    }

    #[test]
    fn the_longest_pattern_that_fits_holds_and_a_whole_key_before_all() {
        let kind = LimitKind::ConcurrencyKey;
        let limits: Limits = ["*", "tenant-*", "tenant-a", "tenant-a*", "tenant-ab*"]
            .map(|pattern| limit(kind, pattern))
            .into_iter()
            .collect();
        let holding = |key: &str| limits.holding(kind, key).map(|limit| limit.pattern.as_str());
        assert_eq!(holding("tenant-a"), Some("tenant-a"));
        assert_eq!(holding("tenant-ab"), Some("tenant-ab*"));
        assert_eq!(holding("tenant-ac"), Some("tenant-a*"));
        assert_eq!(holding("tenant-b"), Some("tenant-*"));
        assert_eq!(holding(""), Some("*"));
        assert!(limits.holding(LimitKind::RateKey, "tenant-a").is_none());
    }

    #[test]
    fn names_are_whole_whatever_they_end_in() {
        let limits: Limits = [limit(LimitKind::Function, "bill*")].into_iter().collect();
        assert!(limits.holding(LimitKind::Function, "billing").is_none());
        assert!(limits.holding(LimitKind::Function, "bill*").is_some());
    }
}
