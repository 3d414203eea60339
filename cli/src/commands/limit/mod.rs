//! Limits on concurrency and rate.

mod list;
mod remove;
mod set;

use apiary_executor_sdk::v1;
use clap::{Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::context::Context;

/// Limit how many processes run at the same time and how fast they start; no restart is needed
#[derive(Subcommand)]
pub(crate) enum Command {
    Set(set::Arguments),
    Remove(remove::Arguments),
    List(list::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Set(arguments) => set::run(&arguments, context).await,
            Self::Remove(arguments) => remove::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
        }
    }
}

/// Kinds of limits.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Processes with the same concurrency key
    ConcurrencyKey,
    /// Processes with the same rate key
    RateKey,
    /// All work for one executor type
    ExecutorType,
    /// A function, at every executor type
    Function,
}

impl Kind {
    /// Returns the word of the protocol.
    fn word(self) -> &'static str {
        match self {
            Self::ConcurrencyKey => "concurrency_key",
            Self::RateKey => "rate_key",
            Self::ExecutorType => "executor_type",
            Self::Function => "function",
        }
    }
}

/// A limit as shown.
#[derive(Serialize)]
struct LimitView {
    kind: String,
    pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_max: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<RateView>,
    by: String,
    set_at: Option<Timestamp>,
    uses: Vec<UseView>,
}

/// A rate as shown.
#[derive(Serialize)]
struct RateView {
    count: i32,
    interval_ms: i64,
    burst: i32,
}

/// Use of a limit as shown.
#[derive(Serialize)]
struct UseView {
    key: String,
    running: i32,
    waiting: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<Timestamp>,
}

impl From<v1::LimitRecord> for LimitView {
    fn from(record: v1::LimitRecord) -> Self {
        let v1::Limit { kind, pattern, running_max, policy, rate_count, interval_ms, burst } =
            record.limit.unwrap_or_default();
        let use_view = |one: v1::LimitUse| UseView {
            key: one.key,
            running: one.running,
            waiting: one.waiting,
            next_start: Some(one.next_start_ms)
                .filter(|ms| *ms > 0)
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        };
        Self {
            kind,
            pattern,
            running_max: Some(running_max).filter(|most| *most > 0),
            policy,
            rate: (rate_count > 0).then_some(RateView { count: rate_count, interval_ms, burst }),
            by: record.by,
            set_at: Timestamp::from_millisecond(record.set_at_ms).ok(),
            uses: record.uses.into_iter().map(use_view).collect(),
        }
    }
}

impl LimitView {
    /// Formats the subject: `function stripe.event`.
    fn what(&self) -> String {
        format!("{} {}", self.kind.replace('_', " "), self.pattern)
    }

    /// Formats the bounds: `5 at once, 10 in 1s (burst 20)`.
    fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(most) = self.running_max {
            words.push(format!("{most} at once"));
        }
        match self.policy.as_str() {
            "" | "queue" => {}
            policy => words.push(policy.replace('_', " ")),
        }
        if let Some(rate) = &self.rate {
            let interval = SignedDuration::from_millis(rate.interval_ms);
            words.push(format!("{} in {interval:#} (burst {})", rate.count, rate.burst));
        }
        words.join(", ")
    }
}
