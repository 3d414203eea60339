//! Limits whose policy cancels: selects the concurrency keys to count after a submit, and the processes to cancel. Pure; the stores
//! carry it out in the transaction of the submit.

use std::collections::HashMap;

use uuid::Uuid;

use crate::limits::{LIMIT_CANCELS_MAX, LIMIT_GRACE_MS};
use crate::model::{Cancel, ColonyKey, LimitPolicy, Limits, NewProcess};

/// A step of priority, in microseconds of the priority time: a day.
const PRIORITY_STEP_US: i64 = 24 * 3600 * 1_000_000;

/// A concurrency key whose limit cancels, with its new processes.
#[derive(Debug)]
pub struct LimitedKey {
    /// The tenant.
    pub colony: ColonyKey,
    /// The key.
    pub key: String,
    /// The choice of the processes to cancel.
    pub policy: LimitPolicy,
    most: i64,
    /// The processes of this submit, newest first.
    new: Vec<Uuid>,
}

/// Returns the keys of these new processes whose limit cancels, in the order of colony and key.
pub fn limited_keys<'a>(
    new: impl Iterator<Item = &'a NewProcess>,
    limits: &HashMap<ColonyKey, Limits>,
) -> Vec<LimitedKey> {
    let mut by_key: HashMap<(ColonyKey, &str), Vec<&NewProcess>> = HashMap::new();
    for process in new {
        if let Some(key) = &process.concurrency_key {
            by_key.entry((process.colony, key)).or_default().push(process);
        }
    }
    let limited_key = |((colony, key), mut new): ((ColonyKey, &str), Vec<&NewProcess>)| {
        // A key to which no limit applies queues: only a limit that says so cancels.
        let limit = limits.get(&colony)?.cancelling(key)?;
        // Newest by the time of the submit, not by the place in the queue: a high priority does not make a process older.
        new.sort_by_key(|process| std::cmp::Reverse((submitted_us(process), process.process_id)));
        Some(LimitedKey {
            colony,
            key: key.to_owned(),
            policy: limit.policy,
            // A limit with only a rate has no number of processes to exceed.
            most: i64::from(limit.running_max?),
            new: new.into_iter().map(|process| process.process_id).collect(),
        })
    };
    let mut limited_keys: Vec<LimitedKey> = by_key.into_iter().filter_map(limited_key).collect();
    // One order at every broker, not the hash map's: the keys are cancelled one after the other in one transaction, and transactions
    // that lock common rows in different orders deadlock.
    limited_keys.sort_by(|one, other| (one.colony.0, &one.key).cmp(&(other.colony.0, &other.key)));
    limited_keys
}

/// Returns the broker's strictly increasing stamp of the submit, in microseconds: the place in the queue without the priority.
fn submitted_us(process: &NewProcess) -> i64 {
    process.priority_time_us.saturating_add(i64::from(process.priority).saturating_mul(PRIORITY_STEP_US))
}

impl LimitedKey {
    /// Returns the number to cancel now, out of this number of unfinished processes.
    pub fn surplus(&self, unfinished: i64) -> i64 {
        // Bounded, because all of it happens in one transaction: after a limit is lowered, the excess may be large. The next submits of
        // the key cancel the rest.
        unfinished.saturating_sub(self.most).clamp(0, LIMIT_CANCELS_MAX)
    }

    /// Returns the newest processes of this submit, at most `count`.
    pub fn newest(&self, count: i64) -> Vec<Uuid> {
        self.new.iter().take(usize::try_from(count).unwrap_or(0)).copied().collect()
    }

    /// Returns the cancellation of the processes that exceed the limit.
    pub fn cancel(&self, now_ms: i64) -> Cancel {
        Cancel {
            deadline_ms: now_ms.saturating_add(LIMIT_GRACE_MS),
            reason: format!(
                "limit: at most {} of concurrency key `{}` are unfinished ({})",
                self.most,
                self.key,
                self.policy.as_str()
            ),
            by: "limit".to_owned(),
        }
    }
}
