//! Rows about limits.

use super::{Columns, Fields};
use crate::StoreResult;
use crate::limits::{LIMIT_COUNT_MAX, LIMIT_INTERVAL_MS_MAX};
use crate::model::{Bucket, Limit, LimitKind, LimitPolicy, LimitRecord, LimitUse, Rate};

/// Reads a limit and its author from `kind, pattern, running_max, policy, rate_count, interval_ms, burst, set_by, set_at_ms`.
pub fn limit_record(row: &dyn Columns) -> StoreResult<LimitRecord> {
    let fields = Fields::of_summary(row, "limits");
    Ok(LimitRecord { limit: limit(row)?, by: fields.text("set_by")?, set_at_ms: fields.number("set_at_ms")? })
}

/// Reads a limit from `kind, pattern, running_max, policy, rate_count, interval_ms, burst`.
pub fn limit(row: &dyn Columns) -> StoreResult<Limit> {
    let fields = Fields::of_summary(row, "limits");
    let word = fields.text("policy")?;
    let policy = LimitPolicy::from_word(&word)
        .ok_or_else(|| fields.corrupt("policy", format!("is {word:?}, which is no policy")))?;
    let rate = Rate {
        count: fields.small("rate_count")?,
        interval_ms: fields.number("interval_ms")?,
        burst: fields.small("burst")?,
    };
    let counts = 1..=LIMIT_COUNT_MAX;
    let fits = counts.contains(&rate.count) && counts.contains(&rate.burst);
    if rate.count != 0 && !(fits && (1..=LIMIT_INTERVAL_MS_MAX).contains(&rate.interval_ms)) {
        return Err(fields.corrupt("rate_count", "is, with `interval_ms` and `burst`, no rate"));
    }
    let running_max = fields.small("running_max")?;
    if running_max < 0 {
        return Err(fields.corrupt("running_max", "is below 0"));
    }
    Ok(Limit {
        kind: kind(&fields)?,
        pattern: fields.text("pattern")?,
        running_max: Some(running_max).filter(|most| *most > 0),
        policy,
        rate: Some(rate).filter(|rate| rate.count > 0),
    })
}

/// Reads the use of a limit from `kind, key, running, waiting, tokens, filled_at_ms`.
pub fn limit_use(row: &dyn Columns) -> StoreResult<LimitUse> {
    let fields = Fields::of_summary(row, "buckets");
    let bucket = match (fields.real_if_any("tokens")?, fields.number_if_any("filled_at_ms")?) {
        (Some(tokens), Some(filled_at_ms)) => Some(Bucket { tokens, filled_at_ms }),
        _ => None,
    };
    Ok(LimitUse {
        kind: kind(&fields)?,
        key: fields.text("key")?,
        running: fields.number("running")?,
        waiting: fields.number("waiting")?,
        bucket,
    })
}

fn kind(fields: &Fields<'_>) -> StoreResult<LimitKind> {
    let word = fields.text("kind")?;
    LimitKind::from_word(&word).ok_or_else(|| fields.corrupt("kind", format!("is {word:?}, which cannot be limited")))
}
