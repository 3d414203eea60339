//! The guard itself: which rules there are, and where they came from.

use std::fmt;
use std::sync::{Arc, LazyLock};

use apiary_identity::GuardRule;

use super::colony::ColonyRules;
use super::compile::{Rule, compile};
use super::defaults::{default_rules, is_shell_like};
use super::error::GuardError;
use super::refusals::Refusals;

/// Rules about what work may contain. Work is done only if no rule of any origin refuses it.
///
/// Clones are cheap, and their refusals are counted together.
#[derive(Clone, Default)]
pub struct Guard {
    pub(super) lacks_defaults: bool,
    pub(super) local: Vec<Arc<Rule>>,
    pub(super) colony: Option<ColonyRules>,
    pub(super) refusals: Refusals,
}

/// The default set, compiled when the first work for a function named like a shell comes.
static DEFAULTS: LazyLock<Result<Vec<Arc<Rule>>, GuardError>> = LazyLock::new(|| compile(&default_rules()));

impl Guard {
    /// A guard without any rule, also without the default set, which [`Guard::default`] has.
    pub fn empty() -> Self {
        Self { lacks_defaults: true, ..Self::default() }
    }

    /// Adds rules of the executor's own. Nobody else can take them away.
    ///
    /// # Errors
    ///
    /// If one of them cannot be used; it is named, and none is added.
    pub fn with_rules(mut self, rules: &[GuardRule]) -> Result<Self, GuardError> {
        GuardRule::check_list(rules)?;
        self.local.extend(compile(rules)?);
        Ok(self)
    }

    /// Adds rules of the executor's own from a JSON array.
    ///
    /// # Errors
    ///
    /// If it is not valid, or one of the rules cannot be used; it is named, and none is added.
    pub fn with_json(self, json: &[u8]) -> Result<Self, GuardError> {
        self.with_rules(&GuardRule::list_from_json(json)?)
    }

    /// How often which rule refused.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// The rules about such work: the default set's, the executor's own, and the colony's.
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
