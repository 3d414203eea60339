//! Suggestions for misspelt names.

/// Returns the word most similar to `wanted`, if it is similar enough to suggest.
pub fn nearest<'a>(wanted: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words
        .map(|word| (distance(wanted, word), word))
        .filter(|(distance, word)| *distance > 0 && *distance <= 1 + word.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Counts the letters to insert, delete or replace (Levenshtein distance).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let words = ["broker.listen", "broker.address", "log.level"];
        assert_eq!(nearest("broker.lisetn", words.into_iter()), Some("broker.listen"));
        assert_eq!(nearest("log.levle", words.into_iter()), Some("log.level"));
        assert_eq!(nearest("colour", words.into_iter()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
