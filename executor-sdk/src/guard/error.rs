//! Errors of the guard: invalid rules, and refusals of work.

use std::fmt;

use apiary_identity::DocumentError;
use apiary_identity::chain::BrokenLink;

/// Errors of loading rules. None of the rules is in effect then: a rule is never skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Not in the format of rules.
    #[error("the guard's rules: {0}; `apiary guard defaults` prints how rules are written")]
    Document(#[from] DocumentError),
    /// An invalid rule.
    #[error("guard rule `{rule}`: `{field}` {problem}")]
    Rule {
        /// The rule's name.
        rule: String,
        /// The field of the rule.
        field: String,
        /// The problem and the remedy.
        problem: String,
    },
    /// Not signed by the pinned colony, or made for another.
    #[error("the colony's guard rules: {0}; those in effect stay")]
    Colony(Box<BrokenLink>),
    /// Rules of an older version than the ones in effect.
    #[error("the colony's guard rules are of version {found}, and version {known} is known: those in effect stay")]
    Old {
        /// The version received.
        found: i64,
        /// The version in effect.
        known: i64,
    },
    /// Two different documents with the same version.
    #[error("the colony's guard rules are others than those known under version {0}: sign them with the next version")]
    Ambiguous(i64),
}

impl GuardError {
    /// Creates an error about one field of a rule.
    pub(super) fn rule(rule: &str, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Rule { rule: plain(rule), field: field.into(), problem: problem.into() }
    }
}

/// A refusal of work. Names the rule and the field, and contains none of the arguments' values, which may be secret.
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

    /// Returns the name of the rule that refuses.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Returns the field, as a JSON Pointer into the arguments (RFC 6901); empty for the arguments as a whole.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the reason.
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

/// Cuts text from a rule's author, and replaces control characters, which could rewrite a terminal or a log.
pub(super) fn plain(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
