//! Guards: the colony's signed rules for the arguments of specs, a second layer behind the signatures. Executors check
//! every spec against them before they run it. This module has the format of the rules; the SDK evaluates them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::content::depth;
use crate::document::{check_size, check_text};
use crate::limits::{
    GUARD_PATTERN_BYTES_MAX, GUARD_PATTERNS_MAX, GUARD_POINTER_BYTES_MAX, GUARD_RULES_MAX, GUARD_SCHEMA_BYTES_MAX,
    JSON_DEPTH_MAX,
};
use crate::name::{check_name, check_pattern, covers};
use crate::{Document, DocumentError, Id, strict, time};

/// The complete rules of a colony. A newer guard replaces the one before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The colony, whose key signs.
    pub colony: Id,
    /// Version, from 1, higher with each guard of the colony: an older guard never replaces a newer one.
    pub version: i64,
    /// Time of its making.
    #[serde(deserialize_with = "time::time")]
    pub made_at: Timestamp,
    /// The rules, at most 256; a spec must satisfy each rule that covers it.
    #[serde(deserialize_with = "strict::objects")]
    pub rules: Vec<GuardRule>,
}

/// A rule for the arguments of some functions, with a schema, patterns, or both.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRule {
    /// Name of the rule in refusals, unique within the guard.
    pub name: String,
    /// Executor types covered: a name, a prefix ending in `*`, or `*` for all.
    pub executor_type: String,
    /// Functions covered: a name, a prefix ending in `*`, or `*` for all.
    pub function: String,
    /// The JSON Schema that the arguments must satisfy, an object of at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Box<RawValue>>,
    /// Forbidden patterns: no text at or below the field may match.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "strict::objects")]
    pub deny: Vec<FieldPattern>,
    /// Required patterns: the field must be present, and every value at or below it must match, as a whole, one of the
    /// patterns for this field.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "strict::objects")]
    pub allow: Vec<FieldPattern>,
}

/// A pattern for the values at one place of the arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPattern {
    /// JSON Pointer (RFC 6901) into the arguments; the empty one means any string in them.
    pub field: String,
    /// A regular expression that matches in linear time (no look-around, no back references). In `deny`, an unanchored
    /// one matches anywhere in the text. Its syntax is checked by the SDK when it compiles the guard, not here.
    pub pattern: String,
}

impl GuardRule {
    /// Reads and checks a JSON array of rules in a guard's format, for executors with rules of their own.
    pub fn list_from_json(json: &[u8]) -> Result<Vec<Self>, DocumentError> {
        check_size(json)?;
        let mut reader = serde_json::Deserializer::from_slice(json);
        let rules = strict::objects(&mut reader)
            .and_then(|rules| reader.end().map(|()| rules))
            .map_err(|error| DocumentError::json(&error))?;
        Self::check_list(&rules)?;
        Ok(rules)
    }

    /// Checks rules as those of one guard.
    pub fn check_list(rules: &[Self]) -> Result<(), DocumentError> {
        if rules.len() > GUARD_RULES_MAX {
            let problem = format!("lists {} rules, the most is {GUARD_RULES_MAX}", rules.len());
            return Err(DocumentError::field("rules", problem));
        }
        let mut names = BTreeSet::new();
        for rule in rules {
            check_name("rules.name", &rule.name)?;
            rule.check().map_err(|error| match error {
                DocumentError::Field { field, problem } => {
                    DocumentError::field(field, format!("of `{}` {problem}", rule.name))
                }
                other => other,
            })?;
            if !names.insert(&rule.name) {
                let problem = format!("has two rules named `{}`: name each differently", rule.name);
                return Err(DocumentError::field("rules", problem));
            }
        }
        Ok(())
    }

    /// Returns `true` if the rule covers this work.
    pub fn covers(&self, executor_type: &str, function: &str) -> bool {
        covers(&self.executor_type, executor_type) && covers(&self.function, function)
    }

    fn check(&self) -> Result<(), DocumentError> {
        check_pattern("rules.executor_type", &self.executor_type)?;
        check_pattern("rules.function", &self.function)?;
        if let Some(schema) = &self.schema {
            check_schema(schema.get())?;
        }
        match self.deny.len() + self.allow.len() {
            0 if self.schema.is_none() => {
                Err(DocumentError::field("rules", "forbids nothing: give it `schema`, `deny` or `allow`"))
            }
            1.. if self.deny.len() + self.allow.len() > GUARD_PATTERNS_MAX => Err(DocumentError::field(
                "rules.deny",
                format!("and `allow` list more than {GUARD_PATTERNS_MAX} patterns: make two rules"),
            )),
            _ => {
                self.deny.iter().try_for_each(|pattern| pattern.check("rules.deny.field", "rules.deny.pattern"))?;
                self.allow.iter().try_for_each(|pattern| pattern.check("rules.allow.field", "rules.allow.pattern"))
            }
        }
    }
}

impl FieldPattern {
    fn check(&self, field: &'static str, pattern: &'static str) -> Result<(), DocumentError> {
        check_text(field, &self.field, GUARD_POINTER_BYTES_MAX)?;
        if !is_pointer(&self.field) {
            return Err(DocumentError::field(field, "is a JSON Pointer (RFC 6901), such as `/command`, or empty"));
        }
        check_text(pattern, &self.pattern, GUARD_PATTERN_BYTES_MAX)?;
        if self.pattern.is_empty() {
            return Err(DocumentError::field(pattern, "is empty and would match anything: say what is meant"));
        }
        Ok(())
    }
}

impl Document for Guard {
    const PAYLOAD_TYPE: &'static str = "application/vnd.apiary.guard.v1+json";

    fn check(&self) -> Result<(), DocumentError> {
        if self.version < 1 {
            return Err(DocumentError::field("version", format!("counts from 1; got {}", self.version)));
        }
        GuardRule::check_list(&self.rules)
    }
}

fn check_schema(schema: &str) -> Result<(), DocumentError> {
    let problem = match depth(schema.as_bytes()) {
        _ if schema.len() > GUARD_SCHEMA_BYTES_MAX => {
            format!("has {} bytes, the most is {GUARD_SCHEMA_BYTES_MAX}", schema.len())
        }
        levels if levels > JSON_DEPTH_MAX => format!("nests {levels} levels deep, the most is {JSON_DEPTH_MAX}"),
        _ if !schema.starts_with('{') => "is a JSON Schema: write an object".to_owned(),
        _ => return Ok(()),
    };
    Err(DocumentError::field("rules.schema", problem))
}

/// Returns `true` if every part begins with a slash, and every tilde is one of the two escapes.
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes
}
