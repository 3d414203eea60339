//! The result of one check.

use std::fmt::Write as _;

use serde::Serialize;

use crate::output::{BAD, GOOD, WARN, hanging, plain, styled, with_place_flags};

/// Columns of the verdict and the check, before the text.
const WORDS_AT: usize = 16;

/// Verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// No fault.
    Good,
    /// Works, but needs attention.
    Warning,
    /// Faulty.
    Bad,
    /// Not checked.
    Skipped,
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    pub(crate) fn good(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, words: words.into(), advice: None }
    }

    pub(crate) fn skipped(check: &'static str, words: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skipped, words: words.into(), advice: None }
    }

    pub(crate) fn warning(check: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, words: words.into(), advice: Some(advice.into()) }
    }

    pub(crate) fn bad(check: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Bad, words: words.into(), advice: Some(advice.into()) }
    }

    /// Creates a finding from a bee's own.
    pub(crate) fn of_bee(finding: apiary_bees::Finding) -> Self {
        let verdict = match finding.verdict {
            apiary_bees::Verdict::Good => Verdict::Good,
            apiary_bees::Verdict::Warning => Verdict::Warning,
            apiary_bees::Verdict::Bad => Verdict::Bad,
            apiary_bees::Verdict::Skipped => Verdict::Skipped,
        };
        Self { check: finding.check, verdict, words: finding.words, advice: finding.advice }
    }

    /// Creates a finding from an error, with the error's hint.
    pub(crate) fn of_error(check: &'static str, error: &anyhow::Error) -> Self {
        let advice = crate::exit::hint(error);
        Self { check, verdict: Verdict::Bad, words: crate::exit::words(error), advice }
    }

    /// Formats the finding in a line, or two with advice; in more on a narrow terminal.
    pub(crate) fn text(&self) -> String {
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
