//! Patterns of event types.

use std::fmt;

use crate::event::is_type;

/// A pattern of event types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// A single type.
    Exact(String),
    /// Every type that begins with this text, which ends with a full stop.
    Prefix(String),
    /// Every type.
    Any,
}

impl Pattern {
    /// Reads `invoice.paid`, `invoice.*` or `*`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        match text.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('.') && is_type(prefix) => Ok(Self::Prefix(prefix.to_owned())),
            None if is_type(text) => Ok(Self::Exact(text.to_owned())),
            _ => {
                Err("has a pattern that is none: write a type such as `invoice.paid`, all types below a name such as \
                      `invoice.*`, or `*` for all types"
                    .to_owned())
            }
        }
    }

    pub(super) fn matches(&self, kind: &str) -> bool {
        match self {
            Self::Exact(own) => own == kind,
            Self::Prefix(prefix) => kind.starts_with(prefix.as_str()),
            Self::Any => true,
        }
    }

    /// Returns true if every type that matches `other` matches this pattern, too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Prefix(own), Self::Prefix(text) | Self::Exact(text)) => text.starts_with(own.as_str()),
            (Self::Exact(own), Self::Exact(text)) => own == text,
            (Self::Prefix(_) | Self::Exact(_), _) => false,
        }
    }

    /// Returns the pattern of the types that match both; `None` if there are none.
    pub(super) fn shared<'p>(&'p self, other: &'p Self) -> Option<&'p Self> {
        if self.covers(other) { Some(other) } else { other.covers(self).then_some(self) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Any => f.write_str("*"),
        }
    }
}
