//! Rules for names and for the patterns that match them.

use crate::DocumentError;
use crate::limits::{COLONY_NAME_CHARS_MAX, NAME_CHARS_MAX};

/// Checks a colony's name: 1 to 63 of `a-z`, `0-9`, `-`, starting with a letter.
pub fn check_colony_name(name: &str) -> Result<(), DocumentError> {
    let fits = name.len() <= COLONY_NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits {
        return Ok(());
    }
    Err(DocumentError::field("name", "of a colony is 1 to 63 of `a-z`, `0-9` and `-`, starting with a letter"))
}

/// Checks a function, executor type, label key, user's or executor's name: 1 to 128 of `A-Z`, `a-z`,
/// `0-9` and `. _ - / :`, starting with a letter or digit.
pub fn check_name(field: &'static str, name: &str) -> Result<(), DocumentError> {
    let fits = name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    Err(DocumentError::field(
        field,
        format!(
            "is 1 to {NAME_CHARS_MAX} letters, digits and `. _ - / :`, starting with a letter or digit; got {shown:?}"
        ),
    ))
}

/// Checks a pattern for names: a whole name, a prefix ending in `*`, or `*` for all.
pub(crate) fn check_pattern(field: &'static str, pattern: &str) -> Result<(), DocumentError> {
    match pattern.strip_suffix('*') {
        Some("") => Ok(()),
        Some(prefix) => check_name(field, prefix),
        None => check_name(field, pattern),
    }
}

/// Returns `true` if the pattern covers this name.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
