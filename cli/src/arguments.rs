//! Parsers of arguments: durations, times, labels.

use std::time::Duration;

use apiary_executor_sdk::LogLevel;
pub(crate) use apiary_settings::duration;
use clap::ValueEnum;
use jiff::Timestamp;
use uuid::Uuid;

/// Rejects an empty value: usually an unset variable, which would mean "any".
pub(crate) fn given(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it is empty: give a value, or leave it out".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Parses a complete id (RFC 9562): short forms are not accepted, because a wrong match would be costly.
pub(crate) fn uuid(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "expected an id such as 0198c0de-0000-7000-8000-000000000001".to_owned())
}

/// Returns a parser of whole numbers in bounds; a bound outside the type does not apply.
pub(crate) fn whole<T: TryFrom<i64>>(least: i64, most: i64) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match most {
            OPEN => format!("expected a whole number, {least} or more"),
            _ => format!("expected a whole number from {least} to {most}"),
        })
    }
}

/// Upper bound of otherwise unbounded numbers.
pub(crate) const OPEN: i64 = u32::MAX as i64;

/// Parses a number, also with a fraction.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "expected a number, such as 12.5".to_owned())
}

/// Converts a duration to whole milliseconds, the unit of documents.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Level of a log line, or the stream that it was captured from: the SDK's levels, as an argument.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
            Level::Stdout => Self::Stdout,
            Level::Stderr => Self::Stderr,
        }
    }
}

/// A time: RFC 3339, or a duration from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeArgument {
    /// An absolute time.
    At(Timestamp),
    /// A duration from now.
    In(Duration),
}

impl TimeArgument {
    /// Parses `2026-12-24T18:00:00Z` or `5m`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        duration(text)
            .map(Self::In)
            .map_err(|_| "expected a time such as 2026-12-24T18:00:00Z, or 5m (from now)".to_owned())
    }

    /// Returns the time, relative to `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(after) => now.saturating_add(after).unwrap_or(Timestamp::MAX),
        }
    }
}

/// A time: RFC 3339, or a duration back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past(TimeArgument);

impl Past {
    /// Parses `2026-12-24T18:00:00Z` or `2h`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let advice = |_| "expected a time such as 2026-12-24T18:00:00Z, or 2h (back from now)".to_owned();
        TimeArgument::read(text).map(Self).map_err(advice)
    }

    /// Returns the time, relative to `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self.0 {
            TimeArgument::At(at) => at,
            TimeArgument::In(before) => now.saturating_sub(before).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Parses `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_while_from_now() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(TimeArgument::read("90s").unwrap().at(now).to_string(), "2026-01-01T00:01:30Z");
        assert_eq!(TimeArgument::read("2026-12-24T18:00:00Z").unwrap().at(now).to_string(), "2026-12-24T18:00:00Z");
        assert!(TimeArgument::read("tomorrow").is_err());
    }

    #[test]
    fn a_pair_needs_its_key() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
