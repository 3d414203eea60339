//! Classifies the statuses of an older queue.

/// Treatment of the rows of one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// Still to be done: submitted.
    Waiting,
    /// Possibly in progress at an older worker: left, unless the operator says otherwise.
    Running,
    /// Finished: skipped.
    Finished,
    /// Unknown: not submitted, and listed by name.
    Unknown,
}

/// Known words. [`RowStatus::of`] compares in lower case, with `_` for `-` and spaces.
const WORDS: [(RowStatus, &[&str]); 3] = [
    (RowStatus::Waiting, &["pending", "queued", "waiting", "retry", "retrying"]),
    (RowStatus::Running, &["running", "assigned", "in_progress", "processing"]),
    (
        RowStatus::Finished,
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

impl RowStatus {
    /// Classifies a status.
    pub fn of(status: &str) -> Self {
        let word = status.trim().to_lowercase().replace(['-', ' '], "_");
        let known = WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
        known.map_or(Self::Unknown, |(row_status, _)| *row_status)
    }

    /// Returns a report's word for the treatment.
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
        for (row_status, words) in WORDS {
            for word in words {
                assert_eq!(RowStatus::of(word), row_status, "{word}");
            }
        }
        assert_eq!(RowStatus::of(" In-Progress "), RowStatus::Running);
        assert_eq!(RowStatus::of("DEAD LETTER"), RowStatus::Finished);
    }

    #[test]
    fn a_word_that_is_not_known_is_never_guessed() {
        for word in ["", "paused", "pending2", "not pending", "0", "ＰＥＮＤＩＮＧ"] {
            assert_eq!(RowStatus::of(word), RowStatus::Unknown, "{word}");
        }
    }
}
