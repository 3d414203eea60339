//! Revocations: the colony's signed statement that a grant, or a key, is dead.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::document::check_text;
use crate::limits::VALUE_BYTES_MAX;
use crate::{Document, DocumentError, Grant, Id, strict, time};

/// "This grant, or every grant of this key, is dead from this moment." It names one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The colony, whose key signs.
    pub colony: Id,
    /// Names this revocation.
    #[serde(deserialize_with = "strict::uuid")]
    pub revocation_id: Uuid,
    /// The one grant that is dead.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "strict::optional_uuid")]
    pub grant_id: Option<Uuid>,
    /// The key of which every grant is dead, also one that is made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Id>,
    /// From when, included.
    #[serde(deserialize_with = "time::time")]
    pub from: Timestamp,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Revocation {
    /// Whether the grant is dead at this moment by it.
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
