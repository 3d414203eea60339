//! Mistakes in settings.

use crate::Setting;

/// A setting that is missing or cannot be used. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SettingError {
    problem: String,
    hint: Option<String>,
}

impl SettingError {
    /// Names the setting and what is wrong with it.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: None }
    }

    /// A setting that is needed has no value.
    pub fn missing(setting: &Setting) -> Self {
        Self::new(format!("`{}` is not set: set {}", setting.key, setting.variables().join(" or ")))
    }

    /// The same, with what can be done about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns what can be done about it, where the problem does not say so itself.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
