//! Schemas of arguments: JSON Schema, bounded, and with nothing fetched from anywhere.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::args::Args;
use super::error::plain;
use super::texts::push_step;
use crate::limits::{GUARD_REGEX_BYTES_MAX, GUARD_SCHEMA_DEPTH_MAX, GUARD_SCHEMA_VALUES_MAX};

/// References whose target depends on who refers: they cannot be bounded by looking at the schema.
const REFUSED_KEYWORDS: [&str; 5] = ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor"];

/// A schema, compiled.
#[derive(Debug)]
pub(super) struct Schema(Validator);

/// Where arguments do not fit, and what they do not fit.
pub(super) struct Misfit {
    /// The field, as a JSON Pointer fit for words.
    pub(super) field: String,
    /// In words, without anything of the arguments.
    pub(super) why: String,
}

impl Schema {
    /// Compiles a schema. Patterns in it run in time linear to the text, as those of the rules do.
    pub(super) fn compile(json: &str) -> Result<Self, String> {
        let Args::Json(schema) = Args::read(json.as_bytes()) else {
            return Err("is no JSON that can be read in one way only: name each key once".to_owned());
        };
        Walk { root: &schema, values: 0 }.count(&schema, 0)?;
        let patterns = PatternOptions::regex().size_limit(GUARD_REGEX_BYTES_MAX).dfa_size_limit(GUARD_REGEX_BYTES_MAX);
        let validator = jsonschema::options().with_pattern_options(patterns).offline().build(&schema);
        validator.map(Self).map_err(|error| format!("is no JSON Schema: {}", plain(&error.to_string())))
    }

    /// Checks arguments.
    pub(super) fn check(&self, args: &Value) -> Result<(), Misfit> {
        self.0.validate(args).map_err(|error| Misfit::of(&error))
    }
}

impl Misfit {
    fn of(error: &ValidationError<'_>) -> Self {
        let mut field = String::new();
        for step in error.instance_path().as_str().split('/').skip(1) {
            // A key with `/` or `~` in it arrives escaped, and does not look like a name.
            push_step(&mut field, step);
        }
        let why = match error.kind() {
            // The name stands in the schema.
            ValidationErrorKind::Required { property } => {
                format!("does not fit the schema: {} is missing", plain(&property.to_string()))
            }
            kind => format!("does not fit the schema: `{}`", plain(kind.keyword())),
        };
        Self { field, why }
    }
}

/// Counts a schema with every reference in it replaced by what it refers to, because that is what checking walks
/// through: a few lines of references can mean more than any machine finishes.
struct Walk<'s> {
    root: &'s Value,
    values: usize,
}

impl Walk<'_> {
    fn count(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        self.values += 1;
        if self.values > GUARD_SCHEMA_VALUES_MAX {
            return Err(format!(
                "has more than {GUARD_SCHEMA_VALUES_MAX} values, counting each reference as what it refers to: make it smaller"
            ));
        }
        if depth > GUARD_SCHEMA_DEPTH_MAX {
            return Err(format!(
                "nests more than {GUARD_SCHEMA_DEPTH_MAX} levels, references included: it may not refer to itself"
            ));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.count(item, depth + 1)),
            Value::Object(fields) => {
                for (key, field) in fields {
                    match field {
                        Value::String(target) if key == "$ref" => self.follow(target, depth)?,
                        Value::String(_) | Value::Bool(_) if REFUSED_KEYWORDS.contains(&key.as_str()) => {
                            return Err(format!("uses `{key}`: refer by `$ref` to `#/$defs/…`"));
                        }
                        Value::String(_) if key == "$id" && depth > 0 => {
                            return Err("has an `$id` inside: references are counted from its beginning".to_owned());
                        }
                        field => self.count(field, depth + 1)?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn follow(&mut self, target: &str, depth: usize) -> Result<(), String> {
        let pointer = target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let Some(pointer) = pointer else {
            return Err(format!(
                "refers to `{}`: nothing is fetched, so refer to `#/$defs/…` in the schema itself",
                plain(target)
            ));
        };
        let missing = || format!("refers to `{}`, which is not in it", plain(target));
        let root = self.root;
        self.count(root.pointer(pointer).ok_or_else(missing)?, depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Value) -> String {
        Schema::compile(&schema.to_string()).map(drop).unwrap_err()
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let schema = json!({
            "type": "object",
            "required": ["amount"],
            "additionalProperties": false,
            "properties": { "amount": { "$ref": "#/$defs/cents" }, "to": { "pattern": "^[a-z]+$" } },
            "$defs": { "cents": { "type": "integer", "maximum": 100 } }
        });
        let schema = Schema::compile(&schema.to_string()).unwrap();
        let misfit = |args: Value| match schema.check(&args) {
            Ok(()) => None,
            Err(Misfit { field, why }) => Some(format!("{field} {why}")),
        };
        assert_eq!(misfit(json!({ "amount": 7, "to": "ada" })), None);
        for (args, words) in [
            (json!({}), r#" does not fit the schema: "amount" is missing"#),
            (json!({ "amount": 4711 }), "/amount does not fit the schema: `maximum`"),
            (json!({ "amount": "sesame" }), "/amount does not fit the schema: `type`"),
            (json!({ "amount": 1, "to": "SESAME" }), "/to does not fit the schema: `pattern`"),
            (json!({ "amount": 1, "sesame": 1 }), " does not fit the schema: `additionalProperties`"),
        ] {
            assert_eq!(misfit(args).as_deref(), Some(words));
        }
    }

    #[test]
    fn nothing_is_fetched() {
        for target in [
            "https://example.com/a.json",
            "file:///etc/passwd",
            "other.json",
            "http://json-schema.org/draft-07/schema#",
        ] {
            assert!(words(&json!({ "$ref": target })).contains("nothing is fetched"), "{target}");
        }
        assert!(
            words(&json!({ "$schema": "https://example.com/meta", "type": "object" })).contains("is no JSON Schema")
        );
    }

    #[test]
    fn a_schema_that_would_take_for_ever_is_refused() {
        assert!(words(&json!({ "$ref": "#" })).contains("refer to itself"));
        assert!(words(&json!({ "properties": { "next": { "$ref": "#" } } })).contains("refer to itself"));
        // Twenty lines that mean a million.
        let mut defs = serde_json::Map::new();
        for level in 0..20 {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            defs.insert(level.to_string(), json!({ "allOf": [next, next] }));
        }
        defs.insert("20".to_owned(), json!(true));
        assert!(words(&json!({ "$ref": "#/$defs/0", "$defs": defs })).contains("more than"));
        assert!(words(&json!({ "$dynamicRef": "#x" })).contains("`$dynamicRef`"));
        assert!(words(&json!({ "$ref": "#/$defs/none" })).contains("not in it"));
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        assert!(words(&json!({ "type": "strin" })).contains("is no JSON Schema"));
        assert!(words(&json!({ "pattern": "(" })).contains("is no JSON Schema"));
        assert!(words(&json!({ "pattern": "(?=x)" })).contains("is no JSON Schema"), "no engine that can hang");
    }
}
