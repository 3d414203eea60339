//! Schemas of arguments in rules.

use apiary_protocol::schema::{self, ReadSchema, SchemaBounds, Why};
use serde_json::Value;

use super::args::Args;
use super::error::plain;
use super::texts::push_step;
use crate::limits::{GUARD_REGEX_BYTES_MAX, GUARD_SCHEMA_DEPTH_MAX, GUARD_SCHEMA_VALUES_MAX};

const BOUNDS: SchemaBounds = SchemaBounds {
    values_max: GUARD_SCHEMA_VALUES_MAX,
    depth_max: GUARD_SCHEMA_DEPTH_MAX,
    pattern_bytes_max: GUARD_REGEX_BYTES_MAX,
};

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Schema(schema::Schema);

/// A field of the arguments that does not fit, and the reason.
pub(super) struct Misfit {
    /// The field, as a JSON Pointer that is safe to print.
    pub(super) field: String,
    /// The reason, without any content of the arguments.
    pub(super) why: String,
}

impl Schema {
    /// Compiles a schema.
    pub(super) fn compile(json: &str) -> Result<Self, String> {
        let Args::Json(schema) = Args::read(json.as_bytes()) else {
            return Err("is invalid JSON, or names a key twice".to_owned());
        };
        ReadSchema::read(schema, BOUNDS)?.compile().map(Self)
    }

    /// Checks arguments.
    pub(super) fn check(&self, args: &Value) -> Result<(), Misfit> {
        self.0.check(args).map_err(Misfit::of)
    }
}

impl Misfit {
    fn of(misfit: schema::Misfit) -> Self {
        let mut field = String::new();
        for step in misfit.pointer.split('/').skip(1) {
            // A key with `/` or `~` is escaped here, so that `push_step` takes it for no name and leaves it out.
            push_step(&mut field, step);
        }
        let why = match misfit.why {
            // Safe: the names are in the schema.
            Why::Missing(names) => format!("does not fit the schema: \"{}\" is missing", plain(&names.join(", "))),
            // Left out: these names come from the arguments.
            Why::Unknown(_) => "does not fit the schema: `additionalProperties`".to_owned(),
            Why::Keyword { keyword, .. } => format!("does not fit the schema: `{keyword}`"),
        };
        Self { field, why }
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
            words(&json!({ "$schema": "https://example.com/meta", "type": "object" })).contains("another `$schema`")
        );
    }

    #[test]
    fn a_schema_that_would_take_for_ever_is_refused() {
        assert!(words(&json!({ "$ref": "#" })).contains("refer to itself"));
        assert!(words(&json!({ "properties": { "next": { "$ref": "#" } } })).contains("refer to itself"));
        // Twenty lines that expand to a million values.
        let mut defs = serde_json::Map::new();
        for level in 0..20 {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            defs.insert(level.to_string(), json!({ "allOf": [next, next] }));
        }
        defs.insert("20".to_owned(), json!(true));
        assert!(words(&json!({ "$ref": "#/$defs/0", "$defs": defs })).contains("more than"));
        assert!(words(&json!({ "$dynamicRef": "#x" })).contains("$dynamicRef"));
        assert!(words(&json!({ "$ref": "#/$defs/none" })).contains("not in it"));
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        assert!(words(&json!({ "type": "strin" })).contains("is no JSON Schema"));
        assert!(words(&json!({ "pattern": "(" })).contains("is no JSON Schema"));
        assert!(words(&json!({ "pattern": "(?=x)" })).contains("is no JSON Schema"), "no engine that can hang");
    }
}
