//! Schemas of arguments (JSON Schema, draft 2020-12): compiled with bounds, because executors send them, and with nothing fetched
//! from anywhere.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::limits::{ARGS_SCHEMA_DEPTH_MAX, ARGS_SCHEMA_PATTERN_BYTES_MAX, ARGS_SCHEMA_VALUES_MAX};

/// The draft that schemas are in, whether they say so or not.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// References whose target depends on who refers: what they cost cannot be seen in the schema.
const REFUSED: [&str; 5] = ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor"];
/// Somebody else's words in an error, in characters.
const WORDS_MAX: usize = 200;

/// What a function's arguments must be.
#[derive(Debug)]
pub(in crate::engine) struct ArgsSchema(Validator);

/// A schema that was read and found small enough, and is not compiled yet.
pub(in crate::engine) struct ReadSchema {
    schema: Value,
    patterns: usize,
}

impl ReadSchema {
    /// Reads a schema; says what is wrong with it, and where.
    pub(in crate::engine) fn read(text: &str) -> Result<Self, String> {
        let schema: Value = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        if schema
            .get("$schema")
            .is_some_and(|draft| draft.as_str().map(|text| text.trim_end_matches('#')) != Some(DRAFT))
        {
            return Err(format!("names another `$schema` than {DRAFT}: leave it out, or name that one"));
        }
        let mut weighing = Weighing { root: &schema, values: 0, patterns: 0 };
        weighing.add(&schema, "", 0)?;
        let patterns = weighing.patterns;
        Ok(Self { schema, patterns })
    }

    /// How many patterns are to be compiled.
    pub(in crate::engine) fn patterns(&self) -> usize {
        self.patterns
    }

    /// Compiles it; says what is wrong with it, and where. Patterns run in time linear to the text.
    pub(in crate::engine) fn compile(&self) -> Result<ArgsSchema, String> {
        let patterns = PatternOptions::regex()
            .size_limit(ARGS_SCHEMA_PATTERN_BYTES_MAX)
            .dfa_size_limit(ARGS_SCHEMA_PATTERN_BYTES_MAX);
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns).offline();
        options.build(&self.schema).map(ArgsSchema).map_err(|error| {
            let place = error.instance_path().to_string();
            format!(
                "is no JSON Schema at `{}`: {}",
                shown(if place.is_empty() { "/" } else { &place }),
                shown(&error.to_string())
            )
        })
    }
}

impl ArgsSchema {
    /// Checks arguments; says which field does not fit, and why, without anything that it holds.
    pub(in crate::engine) fn check(&self, args: &Value) -> Result<(), String> {
        self.0.validate(args).map_err(|error| misfit(&error))
    }
}

fn misfit(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let field = if place.is_empty() { "`args`".to_owned() } else { format!("`args{}`", shown(&place)) };
    match error.kind() {
        // The name stands in the schema.
        ValidationErrorKind::Required { property } => {
            format!("{field} lacks {}", shown(&property.to_string()))
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let names: Vec<&str> = unexpected.iter().map(String::as_str).collect();
            format!("{field} has fields that the schema does not know: {}", shown(&names.join(", ")))
        }
        _ => format!("{field}: {}", shown(&error.masked_with("it").to_string())),
    }
}

/// Words fit for one line of an error.
fn shown(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect()
}

/// Weighs a schema with every reference in it replaced by what it refers to, because that is what checking walks through: a
/// few lines of references can mean more than any machine finishes.
struct Weighing<'s> {
    root: &'s Value,
    values: usize,
    patterns: usize,
}

impl<'s> Weighing<'s> {
    fn add(&mut self, value: &'s Value, place: &str, depth: usize) -> Result<(), String> {
        self.values += 1;
        if self.values > ARGS_SCHEMA_VALUES_MAX {
            return Err(format!(
                "has more than {ARGS_SCHEMA_VALUES_MAX} values, each reference counted as what it refers to: make it smaller"
            ));
        }
        if depth > ARGS_SCHEMA_DEPTH_MAX {
            return Err(format!(
                "nests more than {ARGS_SCHEMA_DEPTH_MAX} levels at `{}`, references included: it may not refer to itself",
                shown(place)
            ));
        }
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.add(item, &format!("{place}/{index}"), depth + 1)),
            Value::Object(fields) => {
                fields.iter().try_for_each(|(key, field)| self.field(key, field, &format!("{place}/{key}"), depth))
            }
            _ => Ok(()),
        }
    }

    fn field(&mut self, key: &str, field: &'s Value, place: &str, depth: usize) -> Result<(), String> {
        match field {
            Value::String(_) if key == "pattern" => self.patterns += 1,
            Value::Object(properties) if key == "patternProperties" => self.patterns += properties.len(),
            _ => {}
        }
        match field {
            Value::String(target) if key == "$ref" => {
                let pointer = target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
                let target = pointer.and_then(|pointer| self.root.pointer(pointer)).ok_or_else(|| {
                    format!(
                        "refers at `{}` to what is not in it, and nothing is fetched: use `#/$defs/…`",
                        shown(place)
                    )
                })?;
                self.add(target, place, depth + 1)
            }
            Value::String(_) | Value::Bool(_) if REFUSED.contains(&key) => {
                Err(format!("has `{}`: refer with `$ref` to `#/$defs/…`", shown(place)))
            }
            Value::String(_) if key == "$id" && depth > 0 => {
                Err(format!("has `{}`: references count from its beginning", shown(place)))
            }
            field => self.add(field, place, depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(text: &str) -> Result<ArgsSchema, String> {
        ReadSchema::read(text)?.compile()
    }

    fn refusal(schema: &Value) -> String {
        compile(&schema.to_string()).map(drop).unwrap_err()
    }

    #[test]
    fn patterns_are_counted_where_they_are_compiled() {
        let patterns = |schema: &Value| ReadSchema::read(&schema.to_string()).unwrap().patterns();
        assert_eq!(
            patterns(&json!({ "pattern": "a", "patternProperties": { "^a": true, "^b": { "pattern": "c" } } })),
            4
        );
        assert_eq!(patterns(&json!({ "properties": { "pattern": { "type": "string" } } })), 0);
        let referred = json!({ "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }], "$defs": { "a": { "pattern": "a" } } });
        assert_eq!(patterns(&referred), 3);
    }

    #[test]
    fn what_does_not_fit_is_named_without_what_it_holds() {
        let schema = json!({
            "type": "object",
            "required": ["amount"],
            "additionalProperties": false,
            "properties": {
                "amount": { "$ref": "#/$defs/cents" },
                "to": { "pattern": "^[a-z]+$", "maxLength": 5 },
                "kind": { "enum": ["a", "b"] },
                "lines": { "items": { "type": "string" } },
            },
            "$defs": { "cents": { "type": "integer", "maximum": 100 } },
        });
        let schema = compile(&schema.to_string()).unwrap();
        assert_eq!(schema.check(&json!({ "amount": 7, "to": "ada" })), Ok(()));
        for (args, field) in [
            (json!({}), "`args` lacks \"amount\""),
            (json!([]), "`args`: "),
            (json!({ "amount": 471_147 }), "`args/amount`: "),
            (json!({ "amount": "sesame" }), "`args/amount`: "),
            (json!({ "amount": 1, "to": "SESAME" }), "`args/to`: "),
            (json!({ "amount": 1, "kind": "sesame" }), "`args/kind`: "),
            (json!({ "amount": 1, "lines": ["x", 471_147] }), "`args/lines/1`: "),
        ] {
            let words = schema.check(&args).unwrap_err();
            assert!(words.starts_with(field), "{words}");
            assert!(!words.to_lowercase().contains("sesame") && !words.contains("471147"), "{words}");
        }
        let words = schema.check(&json!({ "amount": 1, "surplus": "sesame" })).unwrap_err();
        assert!(words.contains("surplus") && !words.contains("sesame"), "{words}");
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        assert!(compile("{").unwrap_err().contains("no JSON"));
        assert!(refusal(&json!({ "properties": { "a": { "type": "strin" } } })).contains("/properties/a/type"));
        assert!(refusal(&json!({ "$schema": "http://json-schema.org/draft-07/schema#" })).contains("2020-12"));
        assert!(refusal(&json!({ "pattern": "(?=x)" })).contains("JSON Schema"), "no engine that can hang");
    }

    #[test]
    fn nothing_is_fetched() {
        for target in ["https://example.com/a.json", "file:///etc/passwd", "other.json", "#/$defs/none"] {
            assert!(refusal(&json!({ "$ref": target })).contains("nothing is fetched"), "{target}");
        }
    }

    #[test]
    fn a_schema_that_would_take_for_ever_is_refused() {
        assert!(refusal(&json!({ "$ref": "#" })).contains("refer to itself"));
        assert!(refusal(&json!({ "properties": { "next": { "$ref": "#" } } })).contains("refer to itself"));
        assert!(refusal(&json!({ "$dynamicRef": "#x" })).contains("$dynamicRef"));
        let mut definitions = serde_json::Map::new();
        for level in 0..30 {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            definitions.insert(level.to_string(), json!({ "allOf": [next, next] }));
        }
        definitions.insert("30".to_owned(), json!(true));
        assert!(refusal(&json!({ "$ref": "#/$defs/0", "$defs": definitions })).contains("more than"));
    }
}
