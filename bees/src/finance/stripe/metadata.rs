//! Metadata: untrusted values that the seller, or a customer, wrote into a Stripe object.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::field::storable;
use crate::finance::limits::{ID_CHARS_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_CHARS_MAX, METADATA_VALUE_CHARS_MAX};

/// Keys that may hold a user id, in order of precedence: the plain ones, then those of common templates. Better Auth
/// writes `referenceId`, which may name an organisation, beside `userId`.
const USER_ID_KEYS: [&str; 9] = [
    "user_id",
    "userId",
    "supabase_user_id",
    "supabaseUUID",
    "supabase_uuid",
    "auth_user_id",
    "clerkUserId",
    "firebaseUID",
    "referenceId",
];

/// Metadata within Stripe's own bounds: texts, the first 50 by key. Other entries are skipped, so that metadata never
/// make an event fail; the payload keeps them.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata(pub(super) BTreeMap<String, String>);

impl Metadata {
    /// Returns the user id in the metadata.
    pub(super) fn user_id(&self) -> Option<String> {
        USER_ID_KEYS.iter().find_map(|key| self.0.get(*key)).and_then(|value| user_id(Some(value)))
    }
}

/// Normalises a user id: trimmed; `None` if empty or longer than [`ID_CHARS_MAX`].
pub(super) fn user_id(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|id| !id.is_empty() && id.chars().count() <= ID_CHARS_MAX).map(storable)
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(entries) = Value::deserialize(deserializer)? else { return Ok(Self::default()) };
        let entries: BTreeMap<String, String> = entries.into_iter().filter_map(entry).collect();
        Ok(Self(entries.into_iter().take(METADATA_ENTRIES_MAX).collect()))
    }
}

fn entry((key, value): (String, Value)) -> Option<(String, String)> {
    let value = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let fits = key.chars().count() <= METADATA_KEY_CHARS_MAX && value.chars().count() <= METADATA_VALUE_CHARS_MAX;
    fits.then(|| (storable(&key), storable(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Metadata {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_no_object_counts_as_empty() {
        for json in ["null", "7", "\"text\"", "[1, 2]", "true"] {
            assert!(read(json).0.is_empty(), "{json}");
        }
    }

    #[test]
    fn entries_that_stripe_could_not_have_made_are_passed_over() {
        let long = "x".repeat(501);
        let metadata = read(&format!(r#"{{"a": "1", "b": {{"c": 2}}, "d": [3], "e": null, "f": "{long}", "g": 4}}"#));
        assert_eq!(metadata.0.keys().collect::<Vec<_>>(), ["a", "g"]);
    }

    #[test]
    fn at_most_fifty_entries_are_kept_whatever_their_order() {
        let entries: Vec<String> = (0..1000).rev().map(|n| format!(r#""k{n:04}": "v""#)).collect();
        let metadata = read(&format!("{{{}}}", entries.join(",")));
        assert_eq!(metadata.0.len(), 50);
        assert_eq!(metadata.0.keys().next_back().map(String::as_str), Some("k0049"));
    }

    #[test]
    fn the_null_character_becomes_the_replacement_character() {
        assert_eq!(read(r#"{"user_id": "a\u0000b"}"#).user_id().as_deref(), Some("a\u{fffd}b"));
    }

    #[test]
    fn the_user_id_is_found_under_its_names_best_first() {
        assert_eq!(read(r#"{"userId": "b", "user_id": "a"}"#).user_id().as_deref(), Some("a"));
        assert_eq!(read(r#"{"supabaseUUID": " c "}"#).user_id().as_deref(), Some("c"));
        assert_eq!(read(r#"{"user_id": "  "}"#).user_id(), None);
        assert_eq!(read(r#"{"user_id": {"$ne": null}}"#).user_id(), None);
    }
}
