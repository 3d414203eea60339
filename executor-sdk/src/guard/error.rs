//! What the guard says: that rules cannot be used, or that work may not be done.

use std::fmt;

use apiary_identity::DocumentError;
use apiary_identity::chain::BrokenLink;

/// Why rules cannot be used. None of them is in effect then: a rule is never skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Not rules as they are written.
    #[error("the guard's rules: {0}; `apiary guard defaults` prints how rules are written")]
    Document(#[from] DocumentError),
    /// One rule cannot be used.
    #[error("guard rule `{rule}`: `{field}` {problem}")]
    Rule {
        /// The rule's name.
        rule: String,
        /// Which of its fields.
        field: String,
        /// The fault, and what would be right.
        problem: String,
    },
    /// Not signed by the pinned colony, or not for it.
    #[error("the colony's guard rules: {0}; those in effect stay")]
    Colony(Box<BrokenLink>),
    /// Rules that newer ones replaced, handed out again.
    #[error("the colony's guard rules are of version {found}, and version {known} is known: those in effect stay")]
    Old {
        /// The version that came.
        found: i64,
        /// The version in effect.
        known: i64,
    },
    /// Two documents of one version: which of them is meant, nobody can say.
    #[error("the colony's guard rules are others than those known under version {0}: sign them with the next version")]
    Ambiguous(i64),
}

impl GuardError {
    /// One field of one rule.
    pub(super) fn rule(rule: &str, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Rule { rule: plain(rule), field: field.into(), problem: problem.into() }
    }
}

/// Why work may not be done. It names rule and field, and holds nothing of the arguments' values, which may be
/// somebody's secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    rule: String,
    field: String,
    why: String,
}

impl Refusal {
    pub(super) fn new(rule: &str, field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { rule: plain(rule), field: field.into(), why: why.into() }
    }

    /// The rule that refuses.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The field that it is about, as a JSON Pointer into the arguments (RFC 6901); empty for the arguments as a
    /// whole.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with the field.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, field, why } = self;
        match field.as_str() {
            "" => write!(f, "guard: rule `{rule}`: args ({why})"),
            _ => write!(f, "guard: rule `{rule}`: field `{field}` ({why})"),
        }
    }
}

impl std::error::Error for Refusal {}

/// An author's text, bounded, and without control characters that could rewrite a terminal or a log.
pub(super) fn plain(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
