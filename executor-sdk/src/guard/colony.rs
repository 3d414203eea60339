//! The colony's rules: signed by its key, so that a broker cannot change them, and numbered, so that it cannot bring
//! back old ones.

use std::sync::Arc;

use apiary_identity::chain::verify_guard;
use apiary_identity::{Digest, Envelope, Id};

use super::compile::{Rule, compile};
use super::error::GuardError;
use super::rules::Guard;

/// The colony's rules in effect.
#[derive(Clone)]
pub(super) struct ColonyRules {
    pub(super) version: i64,
    digest: Digest,
    pub(super) rules: Vec<Arc<Rule>>,
}

impl Guard {
    /// Sets the colony's rules from the signed envelope, in place of an earlier version. The default set and the
    /// executor's own rules stay: the colony's rules can only refuse more.
    ///
    /// # Errors
    ///
    /// If this colony did not sign it, if it is older than the known one or another document of the same version, or if
    /// one of its rules is invalid. The rules in effect stay then.
    pub fn with_colony(&mut self, colony: &Id, envelope: &Envelope) -> Result<(), GuardError> {
        let document = verify_guard(colony, envelope).map_err(|link| GuardError::Colony(Box::new(link)))?;
        let (version, digest) = (document.version, envelope.digest());
        match &self.colony {
            Some(known) if known.digest == digest => return Ok(()),
            Some(known) if version < known.version => {
                return Err(GuardError::Old { found: version, known: known.version });
            }
            Some(known) if version == known.version => {
                return Err(GuardError::Ambiguous(version));
            }
            _ => {}
        }
        // Compiled before the old rules are replaced, so that an error leaves those in effect.
        let rules = compile(&document.rules)?;
        self.colony = Some(ColonyRules { version, digest, rules });
        Ok(())
    }

    /// Returns the version of the colony's rules in effect; `None` before there are any.
    pub fn colony_version(&self) -> Option<i64> {
        self.colony.as_ref().map(|colony| colony.version)
    }
}
