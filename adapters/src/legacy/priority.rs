//! Converts an older queue's priority to a number.

use apiary_identity::limits::PRIORITY_MAX;

use super::fields::shown;

/// Known words. Each step outweighs one day of waiting: a critical task precedes every normal one that is less than ten
/// days older.
const WORDS: [(&str, i32); 8] = [
    ("critical", 10),
    ("urgent", 10),
    ("high", 5),
    ("normal", 0),
    ("medium", 0),
    ("default", 0),
    ("low", -5),
    ("lowest", -10),
];

/// Parses a word or a number; an absent priority is normal.
pub(super) fn read(text: Option<&str>) -> Result<i32, String> {
    let Some(text) = text.map(str::trim) else { return Ok(0) };
    let word = text.to_lowercase();
    if let Some((_, priority)) = WORDS.iter().find(|(known, _)| *known == word) {
        return Ok(*priority);
    }
    let number: i32 = text.parse().map_err(|_| {
        format!("`priority` is {}, and should be critical, high, normal, low or a whole number", shown(text))
    })?;
    if (-PRIORITY_MAX..=PRIORITY_MAX).contains(&number) {
        return Ok(number);
    }
    Err(format!("`priority` is {number}, and should be {} to {PRIORITY_MAX}", -PRIORITY_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_become_numbers() {
        let read = |text| read(Some(text));
        for (text, priority) in [
            ("critical", 10),
            ("High", 5),
            ("normal", 0),
            (" low ", -5),
            ("7", 7),
            ("-50000", -50_000),
            ("50000", 50_000),
        ] {
            assert_eq!(read(text), Ok(priority), "{text}");
        }
        assert_eq!(super::read(None), Ok(0));
    }

    #[test]
    fn anything_else_is_refused_by_its_name() {
        for text in ["soon", "1.5", "50001", "-50001", "99999999999", "true"] {
            let problem = read(Some(text)).unwrap_err();
            assert!(problem.contains(text) && problem.starts_with("`priority`"), "{problem}");
        }
    }
}
