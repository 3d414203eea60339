//! Durations as people write them.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Reads a duration as people write it: `30s`, `5m`, `1h 30m`, `2d`; `0` is none.
///
/// # Errors
///
/// Says what is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let advice = || "expected a duration such as 30s, 5m, 1h or 2d".to_owned();
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let span: Span = text.trim().parse().map_err(|_| advice())?;
    let duration: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| advice())?;
    Duration::try_from(duration).map_err(|_| advice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h 30m", 5400), ("2d", 172_800), ("0", 0), ("1w", 604_800)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "5", "-5m", "five minutes", "1 month"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
