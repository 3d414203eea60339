//! Times in documents: RFC 3339 only. A reader that guessed at other forms could read another time than the signer
//! meant, and two readers could disagree.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _};

/// Maximum number of characters that an error quotes.
const SHOWN_CHARS_MAX: usize = 64;

/// Reads a time in RFC 3339 (`T` and `Z` may be lower case), with up to nine digits of a second. A leap second is
/// refused: a count of seconds since 1970 cannot hold it.
fn parse_time(text: &str) -> Option<Timestamp> {
    if !has_form(text.as_bytes()) {
        return None;
    }
    text.to_ascii_uppercase().parse().ok()
}

/// Returns `true` if digits and signs are in their places, and hours, minutes and seconds within their bounds. The
/// parser checks the calendar date.
fn has_form(text: &[u8]) -> bool {
    const LOCAL: usize = "2026-11-29T10:00:00".len();
    const DIGITS_MAX: usize = 9;
    let Some((local, rest)) = text.split_at_checked(LOCAL) else { return false };
    let pattern = b"0000-00-00T00:00:00";
    let is_local = local.iter().zip(pattern).all(|(found, wanted)| match wanted {
        b'0' => found.is_ascii_digit(),
        _ => found.eq_ignore_ascii_case(wanted),
    });
    let is_at_most = |digits: &[u8], most: &[u8; 2]| digits <= most.as_slice();
    let (hour, minute, second) = (&local[11..13], &local[14..16], &local[17..19]);
    if !is_local || !is_at_most(hour, b"23") || !is_at_most(minute, b"59") || !is_at_most(second, b"59") {
        return false;
    }
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=DIGITS_MAX).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
    };
    match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit())
                && is_at_most(&[*h1, *h2], b"23")
                && is_at_most(&[*m1, *m2], b"59")
        }
        _ => false,
    }
}

/// Reads a time of a document.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse_time(&text).ok_or_else(|| {
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        D::Error::custom(format_args!(
            "{shown:?} is not a time: write it as RFC 3339 does, such as 2026-11-29T10:00:00Z or 2026-11-29T11:00:00.25+01:00"
        ))
    })
}

/// Reads an optional time of a document.
pub(crate) fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    struct Form(Timestamp);

    impl<'de> Deserialize<'de> for Form {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            time(deserializer).map(Self)
        }
    }

    Ok(Option::<Form>::deserialize(deserializer)?.map(|Form(time)| time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rfc_3339_are_read() {
        let table = [
            ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.52Z"),
            ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57Z"),
            ("2026-11-29T10:00:00Z", "2026-11-29T10:00:00Z"),
            ("2026-11-29t10:00:00z", "2026-11-29T10:00:00Z"),
            ("2026-11-29T10:00:00.123456789+00:00", "2026-11-29T10:00:00.123456789Z"),
            ("2026-11-29T10:00:00-00:00", "2026-11-29T10:00:00Z"),
            ("2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00Z"),
        ];
        for (text, time) in table {
            assert_eq!(parse_time(text).map(|time| time.to_string()).as_deref(), Some(time), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let table = [
            "",
            "2026-11-29",
            "2026-11-29T10Z",
            "2026-11-29T10:00Z",
            "2026-11-29T10:00:00",
            "2026-11-29 10:00:00Z",
            "2026-11-29T10:00:00 Z",
            " 2026-11-29T10:00:00Z",
            "2026-11-29T10:00:00Z ",
            "2026-11-29T10:00:00+00",
            "2026-11-29T10:00:00+0000",
            "2026-11-29T10:00:00+1:00",
            "2026-11-29T10:00:00+001:00",
            "2026-11-29T10:00:00+24:00",
            "2026-11-29T10:00:00+00:60",
            "2026-11-29T10:00:00+00:00:00",
            "2026-11-29T10:00:00\u{2212}01:00",
            "2026-11-29T10:00:00Z[UTC]",
            "2026-11-29T10:00:00+01:00[Europe/Berlin]",
            "2026-11-29T10:00:00.Z",
            "2026-11-29T10:00:00,5Z",
            "2026-11-29T10:00:00.1234567890Z",
            "2026-11-29T10:00:60Z",
            "2016-12-31T23:59:60Z",
            "2026-11-29T24:00:00Z",
            "2026-11-29T10:60:00Z",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-10T10:00:00Z",
            "2026-11-00T10:00:00Z",
            "2026-W48-7T10:00:00Z",
            "2026-333T10:00:00Z",
            "20261129T100000Z",
            "+002026-11-29T10:00:00Z",
            "-0001-11-29T10:00:00Z",
            "26-11-29T10:00:00Z",
            "2026-1-29T10:00:00Z",
            "\u{0662}026-11-29T10:00:00Z",
            "1764410400",
            "now",
        ];
        for text in table {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }
}
