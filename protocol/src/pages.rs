//! Text of an HTTP door's answer to a request for an unknown page.

/// Maximum number of characters of the path that an answer quotes.
const PATH_CHARS_MAX: usize = 100;

/// Returns the text that a page does not exist, with the nearest page or all pages. A part in braces, such as `{id}`,
/// stands for any text.
pub fn advice<'a>(path: &str, pages: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let shown: String = path.chars().take(PATH_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match nearest(&shown, pages.clone()) {
        Some(page) => format!("`{shown}` is not here: the nearest page is `{page}`"),
        None => {
            let all: Vec<String> = pages.into_iter().map(|page| format!("`{page}`")).collect();
            format!("`{shown}` is not here: the pages are {}", all.join(", "))
        }
    }
}

/// Returns the page nearest to a path, if it is near enough to be a misspelling.
fn nearest<'a>(path: &str, pages: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CHANGES_MIN: usize = 2;
    let near = pages.into_iter().map(|page| (distance(path, &filled(page, path)), page));
    let (changes, page) = near.min_by_key(|(changes, _)| *changes)?;
    (changes <= CHANGES_MIN.max(page.len() / 4)).then_some(page)
}

/// Returns the page with its parts in braces filled from the path.
fn filled(page: &str, path: &str) -> String {
    let mut given = path.split('/');
    let parts = page.split('/').map(|part| match given.next() {
        Some(text) if part.starts_with('{') && !text.is_empty() => text,
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Counts the characters to insert, delete or replace (Levenshtein distance).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, o) in other.iter().enumerate() {
            let change = diagonal + usize::from(c != *o);
            diagonal = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: [&str; 6] =
        ["/healthz", "/readyz", "/v1/broker", "/v1/processes", "/v1/processes/{id}", "/v1/processes/{id}/result"];

    #[test]
    fn a_misspelt_path_finds_its_page() {
        let table = [
            ("/health", Some("/healthz")),
            ("/healthz/", Some("/healthz")),
            ("/ready", Some("/readyz")),
            ("/v1/process", Some("/v1/processes")),
            ("/v1/processes/", Some("/v1/processes")),
            ("/processes", Some("/v1/processes")),
            ("/v1/processes/0190-77/results", Some("/v1/processes/{id}/result")),
            ("/v1/process/0190-77", Some("/v1/processes/{id}")),
            ("/metrics", None),
            ("/", None),
            ("", None),
        ];
        for (path, page) in table {
            assert_eq!(nearest(path, PAGES), page, "{path}");
        }
    }

    #[test]
    fn advice_is_short_and_harmless_whatever_was_asked_for() {
        assert_eq!(advice("/health", PAGES), "`/health` is not here: the nearest page is `/healthz`");
        assert!(advice("/metrics", PAGES).ends_with("`/v1/processes/{id}/result`"));
        let long = advice(&format!("/{}\u{1b}[31m", "ä".repeat(1_000_000)), PAGES);
        assert!(long.len() < 500 && !long.contains('\u{1b}'), "{long}");
    }
}
