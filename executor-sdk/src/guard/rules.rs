//! The guard itself: its rules from all three origins.

use std::fmt;
use std::sync::{Arc, LazyLock};

use apiary_identity::GuardRule;

use super::colony::ColonyRules;
use super::compile::{Rule, compile};
use super::defaults::{default_rules, is_shell_like};
use super::error::GuardError;
use super::refusals::Refusals;

/// Rules for the content of work. Work is run only if no rule of any origin refuses it.
///
/// Clones are cheap, and their refusals are counted together.
#[derive(Clone, Default)]
pub struct Guard {
    pub(super) lacks_defaults: bool,
    pub(super) local: Vec<Arc<Rule>>,
    pub(super) colony: Option<ColonyRules>,
    pub(super) refusals: Refusals,
}

/// The default set, compiled at the first work for a function named like a shell.
static DEFAULTS: LazyLock<Result<Vec<Arc<Rule>>, GuardError>> = LazyLock::new(|| compile(&default_rules()));

impl Guard {
    /// Creates a guard without any rules, not even the default set of [`Guard::default`].
    pub fn empty() -> Self {
        Self { lacks_defaults: true, ..Self::default() }
    }

    /// Adds rules of the executor's own, which nothing else can remove.
    ///
    /// # Errors
    ///
    /// An invalid rule, by name. None is added then.
    pub fn with_rules(mut self, rules: &[GuardRule]) -> Result<Self, GuardError> {
        GuardRule::check_list(rules)?;
        self.local.extend(compile(rules)?);
        Ok(self)
    }

    /// Adds rules of the executor's own from a JSON array.
    ///
    /// # Errors
    ///
    /// Invalid JSON, or an invalid rule, by name. None is added then.
    pub fn with_json(self, json: &[u8]) -> Result<Self, GuardError> {
        self.with_rules(&GuardRule::list_from_json(json)?)
    }

    /// Returns the live counts of refusals by rule.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Returns the rules that cover this work: of the default set, the executor's own, and the colony's.
    pub(super) fn rules_about<'g>(
        &'g self,
        executor_type: Option<&'g str>,
        function: &'g str,
    ) -> Result<Vec<&'g Rule>, GuardError> {
        let defaults: &[Arc<Rule>] = match !self.lacks_defaults && is_shell_like(function) {
            true => DEFAULTS.as_ref().map_err(Clone::clone)?,
            false => &[],
        };
        let colony = self.colony.iter().flat_map(|colony| &colony.rules);
        let rules = defaults.iter().chain(&self.local).chain(colony).map(Arc::as_ref);
        Ok(rules.filter(|rule| rule.applies(executor_type, function)).collect())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("has_defaults", &!self.lacks_defaults)
            .field("local", &self.local.len())
            .field("colony_version", &self.colony.as_ref().map(|colony| colony.version))
            .finish_non_exhaustive()
    }
}
