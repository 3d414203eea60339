//! Repairs of escapes that are not Unicode.

use std::borrow::Cow;

/// Replaces escapes of lone surrogates, which Stripe passes on from whoever typed half a character, with that of U+FFFD.
/// All else stays byte for byte.
pub(in crate::finance) fn repaired(text: &str) -> Cow<'_, str> {
    // Almost no text has any, and large ones may have many other escapes.
    if !["\\ud", "\\uD"].iter().any(|surrogate| text.contains(surrogate)) {
        return Cow::Borrowed(text);
    }
    let mut repaired = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        let escape = at + found;
        let (length, is_lone) = match (surrogate(text, escape), surrogate(text, escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(_), _) => (6, true),
            // A backslash and the character that it escapes, which may be another backslash.
            (None, _) => (1 + text[escape + 1..].chars().next().map_or(0, char::len_utf8), false),
        };
        if is_lone {
            repaired.push_str(&text[copied..escape]);
            repaired.push_str("\\ufffd");
            copied = escape + length;
        }
        at = escape + length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    repaired.push_str(&text[copied..]);
    Cow::Owned(repaired)
}

/// Returns the surrogate that is escaped here.
fn surrogate(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_of_characters_are_replaced() {
        for (text, expected) in [
            (r#""Zo\ud83d""#, r#""Zo\ufffd""#),
            (r#""\ude00x\uD83D""#, r#""\ufffdx\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d and \n é \u00e9""#, r#""\\ud83d and \n é \u00e9""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            ("\\", "\\"),
            ("\\é\\ud83", "\\é\\ud83"),
        ] {
            assert_eq!(repaired(text), expected, "{text}");
        }
    }
}
