//! What one look found.

use std::fmt::Write as _;

use serde::Serialize;

use crate::output::{BAD, GOOD, WARN, hanging, plain, styled, with_place_flags};

/// Columns before the words: the verdict and the check.
const WORDS_AT: usize = 16;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// It works, and deserves a look.
    Warning,
    /// It does not work.
    Bad,
    /// Not looked at.
    Skipped,
}

/// What one look found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    pub(super) fn good(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, words: words.into(), advice: None }
    }

    pub(super) fn skipped(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skipped, words: words.into(), advice: None }
    }

    pub(super) fn warning(check: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, words: words.into(), advice: Some(advice.into()) }
    }

    pub(super) fn bad(check: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Bad, words: words.into(), advice: Some(advice.into()) }
    }

    /// An error with the hint that it carries.
    pub(super) fn of_error(check: &'static str, error: &anyhow::Error) -> Self {
        let advice = crate::exit::hint(error);
        Self { check, verdict: Verdict::Bad, words: crate::exit::words(error), advice }
    }

    /// A line for people, two with advice; more on a terminal that is narrow.
    pub(super) fn text(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => styled(GOOD, "good"),
            Verdict::Warning => styled(WARN, "look"),
            Verdict::Bad => styled(BAD, "BAD "),
            Verdict::Skipped => "-   ".to_owned(),
        };
        let mut text = hanging(&format!("{mark}  {:<9} ", self.check), WORDS_AT, &plain(&self.words));
        if let Some(advice) = &self.advice {
            let head = format!("{:WORDS_AT$}→ ", "");
            let _ = write!(text, "\n{}", hanging(&head, WORDS_AT + 2, &with_place_flags(&plain(advice))));
        }
        text
    }
}
