//! What is too much under a policy that cancels: which concurrency keys have to be looked at after a submit, and what then becomes
//! of whom. Pure; the stores do it in the transaction of the submit.

use std::collections::HashMap;

use uuid::Uuid;

use crate::limits::{LIMIT_CANCELS_MAX, LIMIT_GRACE_MS};
use crate::model::{Cancel, ColonyKey, LimitPolicy, Limits, NewProcess};

/// A step of priority, in microseconds of the priority time.
const PRIORITY_STEP_US: i64 = 24 * 3600 * 1_000_000;

/// The unfinished processes of one key that has such a limit.
#[derive(Debug)]
pub struct Crowd {
    /// The tenant.
    pub colony: ColonyKey,
    /// The key.
    pub key: String,
    /// What happens to those that are too many.
    pub policy: LimitPolicy,
    most: i64,
    /// Those that just came, the newest first.
    new: Vec<Uuid>,
}

/// The keys of these new processes that have such a limit.
pub fn crowds<'a>(new: impl Iterator<Item = &'a NewProcess>, limits: &HashMap<ColonyKey, Limits>) -> Vec<Crowd> {
    let mut by_key: HashMap<(ColonyKey, &str), Vec<&NewProcess>> = HashMap::new();
    for process in new {
        if let Some(key) = &process.concurrency_key {
            by_key.entry((process.colony, key)).or_default().push(process);
        }
    }
    let crowd = |((colony, key), mut new): ((ColonyKey, &str), Vec<&NewProcess>)| {
        let limit = limits.get(&colony)?.cancelling(key)?;
        new.sort_by_key(|process| std::cmp::Reverse((submitted_us(process), process.process_id)));
        Some(Crowd {
            colony,
            key: key.to_owned(),
            policy: limit.policy,
            most: i64::from(limit.running_max?),
            new: new.into_iter().map(|process| process.process_id).collect(),
        })
    };
    let mut crowds: Vec<Crowd> = by_key.into_iter().filter_map(crowd).collect();
    crowds.sort_by(|one, other| (one.colony.0, &one.key).cmp(&(other.colony.0, &other.key)));
    crowds
}

/// When it was submitted, by the broker's strictly growing stamp: the place in the queue without the priority.
fn submitted_us(process: &NewProcess) -> i64 {
    process.priority_time_us.saturating_add(i64::from(process.priority).saturating_mul(PRIORITY_STEP_US))
}

impl Crowd {
    /// How many of so many unfinished ones are to be cancelled in one go.
    pub fn surplus(&self, unfinished: i64) -> i64 {
        unfinished.saturating_sub(self.most).clamp(0, LIMIT_CANCELS_MAX)
    }

    /// The newest of those that just came.
    pub fn newest(&self, count: i64) -> Vec<Uuid> {
        self.new.iter().take(usize::try_from(count).unwrap_or(0)).copied().collect()
    }

    /// What is done to those that are too many.
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
