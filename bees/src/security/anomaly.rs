//! The function `detect_anomaly`: compares the last hour, or another window, with the colony's own past. The judgement is pure.

use std::collections::BTreeMap;

use apiary_executor_sdk::{Client, Failure, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::colony;
use super::evaluate::Level;
use super::fact::{Fact, SubmittedEvent, event_schema, submitted};
use super::limits::{HOURS_MAX, REASONS_MAX};

/// JSON Schema of the arguments.
pub(super) const ARGS_SCHEMA: &str = concat!(
    r#"{
  "type": "object",
  "properties": {
    "window_minutes": { "type": "integer", "minimum": 5, "maximum": 1440 },
    "baseline_hours": { "type": "integer", "minimum": 24, "maximum": 720 },
    "until": { "type": ["string", "null"] },
    "events": {
      "type": "array",
      "maxItems": 2000,
      "items": "#,
    event_schema!(),
    r#"
    },
    "stream": { "type": "boolean" }
  },
  "additionalProperties": false
}"#
);

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Least number in the window that can be an anomaly.
const COUNT_MIN: u64 = 10;
/// Standard deviations above the mean from which on a number is an anomaly, if it is also twice the most of any window before.
const DEVIATIONS: f64 = 5.0;
/// Points of a number that is far above the usual.
const POINTS_MORE: u32 = 30;
/// Points of a change that its key never made before.
const POINTS_FIRST: u32 = 15;
/// Kinds of changes that are told if their key never made one before.
const CHANGES: [&str; 8] = [
    "guard.set",
    "pause.added",
    "limit.set",
    "limit.removed",
    "executor.drained",
    "process.deleted",
    "process.discarded",
    "bulk.started",
];

/// The arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Request {
    window_minutes: u32,
    baseline_hours: u32,
    until: Option<Timestamp>,
    events: Vec<SubmittedEvent>,
    stream: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self { window_minutes: 60, baseline_hours: 168, until: None, events: Vec::new(), stream: true }
    }
}

/// The result of `detect_anomaly`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomalies {
    /// The beginning of the window.
    pub from: Timestamp,
    /// The end of the window.
    pub until: Timestamp,
    /// The number of windows before it that it was compared with.
    pub windows: u64,
    /// True if the events reach back less than a day: then nothing is called unusual.
    pub is_learning: bool,
    /// 0 to 100.
    pub score: u32,
    /// The score in a word.
    pub level: Level,
    /// Unusual numbers and changes, the heaviest first; at most 100.
    pub anomalies: Vec<Anomaly>,
}

/// A number, or a change, that is unusual for this colony.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The kind of event.
    pub kind: String,
    /// The key, or the address of a caller without one.
    pub subject: String,
    /// The name of the key's grant, if one is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Points, of 100.
    pub points: u32,
    /// The number in the window.
    pub count: u64,
    /// The most in any window before.
    pub most_before: u64,
    /// The number in all windows before.
    pub sum_before: u64,
    /// The anomaly in words.
    pub words: String,
}

/// Runs the function.
pub(super) async fn handle(client: Client, work: Work) -> Result<Anomalies, Failure> {
    let request: Request = work.json()?;
    for (name, number, least, most) in
        [("window_minutes", request.window_minutes, 5, 1440), ("baseline_hours", request.baseline_hours, 24, HOURS_MAX)]
    {
        if !(least..=most).contains(&number) {
            return Err(Failure::fatal(format!("`{name}` is {number}: expected {least} to {most}")));
        }
    }
    let until_ms = request.until.unwrap_or(client.clock().now()).as_millisecond();
    let times = Times {
        until_ms,
        window_ms: i64::from(request.window_minutes).saturating_mul(MINUTE_MS),
        baseline_ms: i64::from(request.baseline_hours).saturating_mul(HOUR_MS),
    };
    let mut facts = submitted(request.events).map_err(Failure::fatal)?;
    if request.stream {
        facts.extend(colony::events(&client, times.start_ms(), until_ms.saturating_add(1)).await?.facts);
    }
    let found = detect(&facts, times);
    tracing::info!(score = found.score, anomalies = found.anomalies.len(), "anomalies detected");
    Ok(found)
}

/// The window, and the time before it with which it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) until_ms: i64,
    pub(super) window_ms: i64,
    pub(super) baseline_ms: i64,
}

impl Times {
    fn window_from_ms(self) -> i64 {
        self.until_ms.saturating_sub(self.window_ms)
    }

    fn start_ms(self) -> i64 {
        self.window_from_ms().saturating_sub(self.baseline_ms)
    }
}

/// The numbers of one kind and key.
#[derive(Default)]
struct Series<'f> {
    name: &'f str,
    now: u64,
    before: BTreeMap<i64, u64>,
}

/// Compares the window with those before it.
pub(super) fn detect(facts: &[Fact], times: Times) -> Anomalies {
    let from_ms = times.window_from_ms();
    let in_time = |fact: &&Fact| fact.time_ms >= times.start_ms() && fact.time_ms <= times.until_ms;
    let mut series: BTreeMap<(&str, &str), Series<'_>> = BTreeMap::new();
    let mut first_ms = from_ms;
    for fact in facts.iter().filter(in_time) {
        first_ms = first_ms.min(fact.time_ms);
        let subject = if fact.key.is_empty() { fact.address.as_str() } else { fact.key.as_str() };
        let one = series.entry((fact.kind.as_str(), subject)).or_default();
        if one.name.is_empty() {
            one.name = &fact.name;
        }
        if fact.time_ms >= from_ms {
            one.now = one.now.saturating_add(fact.count);
        } else {
            let window = from_ms.saturating_sub(1).saturating_sub(fact.time_ms) / times.window_ms.max(1);
            let count = one.before.entry(window).or_default();
            *count = count.saturating_add(fact.count);
        }
    }
    // The colony may be younger than the time asked for.
    let past_ms = from_ms.saturating_sub(first_ms);
    let windows = u64::try_from(past_ms.div_euclid(times.window_ms.max(1)).max(1)).unwrap_or(1);
    let is_learning = past_ms < DAY_MS;
    let mut anomalies: Vec<Anomaly> = Vec::new();
    if !is_learning {
        anomalies.extend(series.iter().filter_map(|((kind, subject), one)| one.judge(kind, subject, windows)));
    }
    anomalies.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.points));
    let rest = anomalies.iter().fold(1_000_000_u64, |rest, one| rest * u64::from(100 - one.points.min(100)) / 100);
    let score = u32::try_from((1_000_000 - rest).div_ceil(10_000)).unwrap_or(100).min(100);
    anomalies.truncate(REASONS_MAX);
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MIN);
    Anomalies {
        from: time(from_ms),
        until: time(times.until_ms),
        windows,
        is_learning,
        score,
        level: Level::of(score),
        anomalies,
    }
}

impl Series<'_> {
    fn judge(&self, kind: &str, subject: &str, windows: u64) -> Option<Anomaly> {
        let sum_before: u64 = self.before.values().sum();
        let most_before = self.before.values().copied().max().unwrap_or(0);
        let (points, words) = if self.is_far_above(sum_before, most_before, windows) {
            let words = format!(
                "{} times `{kind}`, and at most {most_before} in any of the {windows} windows before",
                self.now
            );
            (POINTS_MORE, words)
        } else if sum_before == 0 && self.now > 0 && CHANGES.contains(&kind) {
            (POINTS_FIRST, format!("`{kind}` for the first time by this key"))
        } else {
            return None;
        };
        Some(Anomaly {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            name: self.name.to_owned(),
            points,
            count: self.now,
            most_before,
            sum_before,
            words,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn is_far_above(&self, sum: u64, most: u64, windows: u64) -> bool {
        if self.now < COUNT_MIN || self.now < most.saturating_mul(2) {
            return false;
        }
        // Independent events scatter by the root of their mean; one is added, so that a past without any is not certain.
        let mean = sum as f64 / windows as f64;
        self.now as f64 > mean + DEVIATIONS * (mean + 1.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::Source;
    use super::*;

    const TIMES: Times = Times { until_ms: 100 * DAY_MS, window_ms: HOUR_MS, baseline_ms: 7 * DAY_MS };

    fn fact(kind: &str, hours_ago: i64, count: u64) -> Fact {
        let time_ms = TIMES.until_ms - hours_ago * HOUR_MS - 1;
        Fact { key: "k".to_owned(), count, ..Fact::new(kind, time_ms, Source::Stream(1)) }
    }

    /// A week in which every hour has so many.
    fn week(count: u64) -> Vec<Fact> {
        (1..168).map(|hour| fact("refused.rate", hour, count)).collect()
    }

    #[test]
    fn a_number_like_those_before_is_usual() {
        let mut facts = week(20);
        facts.push(fact("refused.rate", 0, 39));
        assert_eq!(detect(&facts, TIMES).anomalies, []);
    }

    #[test]
    fn a_number_far_above_all_before_is_unusual() {
        let mut facts = week(20);
        facts.push(fact("refused.rate", 0, 60));
        let found = detect(&facts, TIMES);
        assert_eq!((found.score, found.level, found.anomalies.len()), (30, Level::Medium, 1));
        let one = &found.anomalies[0];
        assert_eq!(
            (one.kind.as_str(), one.subject.as_str(), one.count, one.most_before),
            ("refused.rate", "k", 60, 20)
        );
    }

    #[test]
    fn a_burst_that_came_before_is_usual() {
        let mut facts = week(0);
        facts.extend([fact("process.redriven", 100, 300), fact("process.redriven", 0, 400)]);
        assert_eq!(detect(&facts, TIMES).anomalies, []);
    }

    #[test]
    fn a_key_that_pauses_for_the_first_time_is_told() {
        let mut facts = week(1);
        facts.push(fact("pause.added", 0, 1));
        let found = detect(&facts, TIMES);
        assert_eq!(
            (found.score, found.anomalies[0].words.as_str()),
            (15, "`pause.added` for the first time by this key")
        );
        facts.push(fact("pause.added", 90, 1));
        assert_eq!(detect(&facts, TIMES).score, 0);
    }

    #[test]
    fn a_colony_without_a_past_is_only_learned() {
        let facts = [fact("refused.rate", 20, 1), fact("refused.rate", 0, 5000)];
        let found = detect(&facts, TIMES);
        assert_eq!((found.is_learning, found.score), (true, 0));
    }
}
