//! Grants: the colony's signed statement that a key is a user or an executor.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::document::check_order;
use crate::limits::SCOPE_ENTRIES_MAX;
use crate::name::{check_name, check_pattern, covers};
use crate::{Document, DocumentError, GrantRight, Id, strict, time};

/// "This key is a user, or an executor, with this name and these scopes, from, until."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The colony, whose key signs.
    pub colony: Id,
    /// Unique id of this grant.
    #[serde(deserialize_with = "strict::uuid")]
    pub grant_id: Uuid,
    /// The key that receives the rights.
    pub key: Id,
    /// The key's role.
    pub role: Role,
    /// Name of the user or executor. Two keys may share a name while one replaces the other.
    pub name: String,
    /// The functions and executor types that the key may use.
    #[serde(deserialize_with = "strict::object")]
    pub scopes: Scopes,
    /// Rights beyond the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<GrantRight>,
    /// Start of the validity, included.
    #[serde(deserialize_with = "time::time")]
    pub valid_from: Timestamp,
    /// End of the validity, not included.
    #[serde(deserialize_with = "time::time")]
    pub valid_until: Timestamp,
}

/// A key's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May submit.
    User,
    /// May claim, and submit children.
    Executor,
}

/// The work that a key may submit or run. An entry is a whole name, a prefix ending in `*`, or `*` for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    /// Functions that the key may submit (a user) or run (an executor).
    pub functions: Vec<String>,
    /// Executor types that the key may submit for (a user) or claim as (an executor).
    pub executor_types: Vec<String>,
}

impl Scopes {
    /// Returns `true` if both names are covered.
    pub fn cover(&self, executor_type: &str, function: &str) -> bool {
        self.cover_executor_type(executor_type) && self.cover_function(function)
    }

    /// Returns `true` if the function is covered.
    pub fn cover_function(&self, function: &str) -> bool {
        self.functions.iter().any(|entry| covers(entry, function))
    }

    /// Returns `true` if the executor type is covered.
    pub fn cover_executor_type(&self, executor_type: &str) -> bool {
        self.executor_types.iter().any(|entry| covers(entry, executor_type))
    }
}

impl Grant {
    /// Returns `true` if the grant is valid at this moment.
    pub fn is_valid_at(&self, moment: Timestamp) -> bool {
        self.valid_from <= moment && moment < self.valid_until
    }

    /// Returns `true` if the grant gives this right, by itself or as a part of another.
    pub fn has_right(&self, right: GrantRight) -> bool {
        self.rights.iter().any(|own| own.gives(right))
    }

    /// Refuses a grant that permits nothing: work is covered only if both lists cover it. A user with rights and empty
    /// scopes is allowed, for reading or operating only.
    fn check_use(&self) -> Result<(), DocumentError> {
        let empty = match (self.scopes.functions.is_empty(), self.scopes.executor_types.is_empty()) {
            (false, false) => return Ok(()),
            (true, true) if self.role == Role::User && !self.rights.is_empty() => return Ok(()),
            (true, _) => "scopes.functions",
            (false, true) => "scopes.executor_types",
        };
        Err(DocumentError::field(empty, "is empty, so the grant covers no work: name at least one, or `*` for all"))
    }
}

impl Role {
    const ALL: [Self; 2] = [Self::User, Self::Executor];

    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Executor => "executor",
        }
    }
}

impl Document for Grant {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.grant.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        check_name("name", &self.name)?;
        if self.key == self.colony {
            return Err(DocumentError::field("key", "is the colony's own key, which needs no grant: use another key"));
        }
        if (1..self.rights.len()).any(|at| self.rights[..at].contains(&self.rights[at])) {
            return Err(DocumentError::field("rights", "names a right more than once: name each once"));
        }
        check_order("valid_until", self.valid_from, self.valid_until)?;
        check_scope("scopes.functions", &self.scopes.functions)?;
        check_scope("scopes.executor_types", &self.scopes.executor_types)?;
        self.check_use()
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict::word(deserializer, &Self::ALL, Self::as_str)
    }
}

fn check_scope(field: &'static str, entries: &[String]) -> Result<(), DocumentError> {
    if entries.len() > SCOPE_ENTRIES_MAX {
        return Err(DocumentError::field(
            field,
            format!("lists {} names, the most is {SCOPE_ENTRIES_MAX}: use a prefix such as `billing.*`", entries.len()),
        ));
    }
    entries.iter().try_for_each(|entry| check_pattern(field, entry))
}
