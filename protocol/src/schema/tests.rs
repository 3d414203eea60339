//! Tests of schemas: accepted and refused schemas, and arguments that fit or do not.

use serde_json::json;

use super::*;

const BOUNDS: SchemaBounds = SchemaBounds { values_max: 2000, depth_max: 64, pattern_bytes_max: 256 * 1024 };

fn compile(schema: &Value) -> Result<Schema, String> {
    ReadSchema::read(schema.clone(), BOUNDS)?.compile()
}

fn refusal(schema: &Value) -> String {
    compile(schema).map(drop).unwrap_err()
}

#[test]
fn patterns_are_counted_where_they_are_compiled() {
    let patterns = |schema: &Value| ReadSchema::read(schema.clone(), BOUNDS).unwrap().patterns();
    assert_eq!(patterns(&json!({ "pattern": "a", "patternProperties": { "^a": true, "^b": { "pattern": "c" } } })), 4);
    assert_eq!(patterns(&json!({ "properties": { "pattern": { "type": "string" } } })), 0);
    let referred =
        json!({ "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }], "$defs": { "a": { "pattern": "a" } } });
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
    let schema = compile(&schema).unwrap();
    assert_eq!(schema.check(&json!({ "amount": 7, "to": "ada" })), Ok(()));
    for (args, field) in [
        (json!({}), " lacks \"amount\""),
        (json!([]), " is an array, and must be an object"),
        (json!({ "amount": 471_147 }), "/amount is more than the maximum of 100"),
        (json!({ "amount": "sesame" }), "/amount is a string, and must be an integer"),
        (json!({ "amount": 1, "to": "SESAME" }), "/to has 6 characters, and may have 5 at the most"),
        (json!({ "amount": 1, "to": "SAM" }), "/to does not match the pattern `^[a-z]+$`"),
        (json!({ "amount": 1, "kind": "sesame" }), "/kind must be one of \"a\", \"b\""),
        (json!({ "amount": 1, "lines": ["x", 471_147] }), "/lines/1 is a number, and must be a string"),
    ] {
        let Misfit { pointer, why } = schema.check(&args).unwrap_err();
        let words = format!("{pointer} {why}");
        assert_eq!(words, field);
        assert!(!words.to_lowercase().contains("sesame") && !words.contains("471147"), "{words}");
    }
    let words = schema.check(&json!({ "amount": 1, "surplus": "sesame" })).unwrap_err().why.to_string();
    assert!(words.contains("surplus") && !words.contains("sesame"), "{words}");
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    assert!(refusal(&json!({ "properties": { "a": { "type": "strin" } } })).contains("/properties/a/type"));
    assert!(refusal(&json!({ "$schema": "http://json-schema.org/draft-07/schema#" })).contains("2020-12"));
    assert!(refusal(&json!({ "pattern": "(?=x)" })).contains("JSON Schema"), "no engine that can hang");
}

#[test]
fn nothing_is_fetched() {
    for target in [
        "https://example.com/a.json",
        "file:///etc/passwd",
        "other.json",
        "#/$defs/none",
        "#/%24defs/a",
        "http://json-schema.org/draft-07/schema#",
    ] {
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

#[test]
fn a_schema_may_have_a_name_of_its_own() {
    let named = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/payments.json",
        "properties": { "amount": { "$ref": "#/$defs/cents" } },
        "$defs": { "cents": { "type": "integer" } },
    });
    let schema = compile(&named).unwrap();
    assert!(schema.check(&json!({ "amount": 1 })).is_ok() && schema.check(&json!({ "amount": "1" })).is_err());
}

#[test]
fn patterns_have_a_bound() {
    assert!(refusal(&json!({ "pattern": "[\\p{L}]{1,1000}" })).contains("pattern"));
    assert!(refusal(&json!({ "patternProperties": { "(": true } })).contains("pattern"));
}
