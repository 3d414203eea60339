//! What an older queue's status says about a task.

/// What becomes of rows of one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Still to be done: submitted.
    Waiting,
    /// An older worker may be at it: left, unless the operator says otherwise.
    Running,
    /// Nothing is left to do: skipped.
    Finished,
    /// Nobody knows: refused, and listed by its name.
    Unknown,
}

/// The words that are known. [`Standing::of`] compares in lower case, with `_` for `-` and spaces.
const WORDS: [(Standing, &[&str]); 3] = [
    (Standing::Waiting, &["pending", "queued", "waiting", "retry", "retrying"]),
    (Standing::Running, &["running", "assigned", "in_progress", "processing"]),
    (
        Standing::Finished,
        &[
            "completed",
            "complete",
            "done",
            "success",
            "succeeded",
            "failed",
            "error",
            "cancelled",
            "canceled",
            "dead",
            "dead_letter",
        ],
    ),
];

impl Standing {
    /// What this status says.
    pub fn of(status: &str) -> Self {
        let word = status.trim().to_lowercase().replace(['-', ' '], "_");
        let known = WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
        known.map_or(Self::Unknown, |(standing, _)| *standing)
    }

    /// What is done with such a row, in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "submitted",
            Self::Running => "left",
            Self::Finished => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_standing_however_it_is_spelled() {
        for (standing, words) in WORDS {
            for word in words {
                assert_eq!(Standing::of(word), standing, "{word}");
            }
        }
        assert_eq!(Standing::of(" In-Progress "), Standing::Running);
        assert_eq!(Standing::of("DEAD LETTER"), Standing::Finished);
    }

    #[test]
    fn a_word_that_is_not_known_is_never_guessed() {
        for word in ["", "paused", "pending2", "not pending", "0", "ＰＥＮＤＩＮＧ"] {
            assert_eq!(Standing::of(word), Standing::Unknown, "{word}");
        }
    }
}
