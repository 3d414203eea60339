//! Revocations: the colony's signed statement that a grant, or every grant of a key, has ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::document::check_text;
use crate::limits::VALUE_BYTES_MAX;
use crate::{Document, DocumentError, Grant, Id, strict, time};

/// "This grant, or every grant of this key, has ended from this moment." Exactly one of `grant_id` and `key` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The colony, whose key signs.
    pub colony: Id,
    /// Unique id of this revocation.
    #[serde(deserialize_with = "strict::uuid")]
    pub revocation_id: Uuid,
    /// The grant that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "strict::optional_uuid")]
    pub grant_id: Option<Uuid>,
    /// The key whose grants have all ended, including grants made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// Start of the revocation, included.
    #[serde(deserialize_with = "time::time")]
    pub from: Timestamp,
    /// Reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Revocation {
    /// Returns `true` if this ends the grant at or before the given moment.
    pub fn revokes(&self, grant: &Grant, moment: Timestamp) -> bool {
        let is_about = self.grant_id == Some(grant.grant_id) || self.key == Some(grant.key);
        is_about && self.colony == grant.colony && self.from <= moment
    }
}

impl Document for Revocation {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.revocation.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        match (self.grant_id, self.key) {
            (Some(_), Some(_)) => {
                return Err(DocumentError::field("key", "and `grant_id` exclude each other: sign two revocations"));
            }
            (None, None) => return Err(DocumentError::field("key", "or `grant_id` is missing: say what is dead")),
            (None, Some(key)) if key == self.colony => {
                return Err(DocumentError::field(
                    "key",
                    "is the colony's own key, on which all else rests: name another",
                ));
            }
            _ => {}
        }
        self.reason.as_deref().map_or(Ok(()), |reason| check_text("reason", reason, VALUE_BYTES_MAX))
    }
}
