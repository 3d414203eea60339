//! `apiary limit set`.

use std::time::Duration;

use apiary_executor_sdk::v1;
use clap::{Args, ValueEnum};

use super::{Kind, LimitView};
use crate::arguments::{duration, millis, whole};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{note, plain};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary limit set concurrency-key 'customer-*' --running-max 1
  apiary limit set concurrency-key 'preview-*' --running-max 1 --policy cancel-oldest
  apiary limit set rate-key stripe-api --rate 80/1s --burst 100
  apiary limit set function stripe.event --running-max 20 --rate 1000/1m";

/// Set a limit, or replace an existing one; effective at once. Running work continues. Needs the right `operate`, or
/// the colony's key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Kind of the limit
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Name or key that is limited. A pattern of keys may end in `*`: each matching key then has a limit of its own
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Most processes that run at the same time; not for a rate key
    #[arg(long, value_name = "N", value_parser = whole::<i32>(1, 1_000_000))]
    running_max: Option<i32>,
    /// Treatment of further processes; only for a concurrency key
    #[arg(long, value_enum, value_name = "POLICY", requires = "running_max")]
    policy: Option<Policy>,
    /// Most processes that start in a time, such as 10/1s or 500/1h; not for a concurrency key
    #[arg(long, value_name = "COUNT/TIME", value_parser = rate)]
    rate: Option<(i32, Duration)>,
    /// Most processes that start at once after a pause; default: the count of the rate
    #[arg(long, value_name = "N", requires = "rate", value_parser = whole::<i32>(1, 1_000_000))]
    burst: Option<i32>,
}

/// Treatment of a process beyond the limit.
#[derive(Clone, Copy, ValueEnum)]
enum Policy {
    /// The process waits
    Queue,
    /// The process is cancelled; waiting ones count towards the limit, too
    DropNewest,
    /// The oldest unfinished process is cancelled instead
    CancelOldest,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if arguments.running_max.is_none() && arguments.rate.is_none() {
        let fault = Fault::usage("no limit is given: use --running-max, --rate or both");
        return Err(fault.hint("`apiary limit remove` removes a limit").into());
    }
    let client = profile::client(&context.settings)?;
    let (rate_count, interval_ms) = arguments.rate.map_or((0, 0), |(count, interval)| (count, millis(interval)));
    let policy = arguments.policy.map_or("", |policy| match policy {
        Policy::Queue => "queue",
        Policy::DropNewest => "drop_newest",
        Policy::CancelOldest => "cancel_oldest",
    });
    let limit = v1::Limit {
        kind: arguments.kind.word().to_owned(),
        pattern: arguments.pattern.clone(),
        running_max: arguments.running_max.unwrap_or(0),
        policy: policy.to_owned(),
        rate_count,
        interval_ms,
        burst: arguments.burst.unwrap_or(0),
    };
    let (kind, pattern) = (limit.kind.clone(), limit.pattern.clone());
    let before = client.list_limits().await?.into_iter().map(LimitView::from);
    let before = before.into_iter().find(|known| known.kind == kind && known.pattern == pattern);
    let kept = LimitView::from(client.set_limit(limit).await?);
    if let Some(before) = before.filter(|before| before.words() != kept.words()) {
        note(&plain(&format!("before: {}", before.words())));
    }
    context.format.print(&kept, |kept| plain(&format!("{}: {}", kept.what(), kept.words())))
}

/// Parses a rate such as `10/1s`.
fn rate(text: &str) -> Result<(i32, Duration), String> {
    let advice = || "expected a count and a time, such as 10/1s or 500/1h".to_owned();
    let (count, interval) = text.split_once('/').ok_or_else(advice)?;
    let count = count.trim().parse().map_err(|_| advice())?;
    let interval = duration(interval).map_err(|_| advice())?;
    if !(1..=1_000_000).contains(&count) || !(1..=86_400_000).contains(&millis(interval)) {
        return Err("a rate is 1 to 1000000 in 1ms to 24h".to_owned());
    }
    Ok((count, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_time() {
        assert_eq!(rate("10/1s"), Ok((10, Duration::from_secs(1))));
        assert_eq!(rate("500 / 1h"), Ok((500, Duration::from_secs(3600))));
        for text in ["", "10", "10/", "/1s", "0/1s", "-1/1s", "10/0", "10/2d", "x/1s", "10/1s/2"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
