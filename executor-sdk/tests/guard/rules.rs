//! The executor's own rules: their refusals, and invalid rules.

use apiary_executor_sdk::guard::Guard;
use serde_json::{Value, json};

use crate::{refusal, refusal_of};

/// Returns a guard with this rule only, for all work.
fn guard(rule: Value) -> Guard {
    try_guard(rule).unwrap()
}

fn try_guard(mut rule: Value) -> Result<Guard, String> {
    for (key, value) in [("name", "r"), ("executor_type", "*"), ("function", "*")] {
        rule.as_object_mut().unwrap().entry(key).or_insert_with(|| value.into());
    }
    Guard::empty().with_json(json!([rule]).to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn arguments_must_satisfy_the_schema() {
    let guard = guard(json!({ "schema": {
        "type": "object", "required": ["to"], "properties": { "to": { "type": "string" }, "cents": { "maximum": 100 } }
    } }));
    assert_eq!(refusal_of(&guard, "pay", &json!({ "to": "ada", "cents": 7 })), None);
    for (args, words) in [
        (&b"{}"[..], r#"guard: rule `r`: args (does not fit the schema: "to" is missing)"#),
        (br#"{"to":"ada","cents":999}"#, "guard: rule `r`: field `/cents` (does not fit the schema: `maximum`)"),
        (b"", "guard: rule `r`: args (does not fit the schema: `type`)"),
        (b"to=ada", "guard: rule `r`: args (no JSON, so their fields cannot be checked)"),
    ] {
        assert_eq!(refusal(&guard, "pay", args).as_deref(), Some(words));
    }
}

#[test]
fn a_denied_pattern_is_looked_for_in_its_field_only() {
    let guard = guard(json!({ "deny": [{ "field": "/query", "pattern": "(?i)drop\\s+table" }] }));
    let words = "guard: rule `r`: field `/query` (denied: deny[0])";
    assert_eq!(refusal_of(&guard, "sql", &json!({ "query": "DROP  table users" })).as_deref(), Some(words));
    assert!(refusal_of(&guard, "sql", &json!({ "query": ["select 1", "drop table x"] })).is_some());
    assert!(refusal_of(&guard, "sql", &json!({ "query": { "text": "drop table x" } })).is_some());
    assert!(refusal_of(&guard, "sql", &json!({ "query": "dr''op table x" })).is_some(), "as a shell reads it");
    assert_eq!(refusal_of(&guard, "sql", &json!({ "query": "select 1", "note": "never drop table x" })), None);
    assert_eq!(refusal_of(&guard, "sql", &json!({})), None);
    assert_eq!(refusal(&guard, "sql", b""), None);
    assert!(refusal(&guard, "sql", b"drop table x").unwrap().contains("no JSON"));
}

#[test]
fn a_pattern_for_no_field_is_looked_for_everywhere() {
    let guard = guard(json!({ "deny": [{ "field": "", "pattern": "(?<secret_key>sk_live_\\w+)" }] }));
    let args = json!({ "a": [{ "b": "x sk_live_4242" }] });
    assert_eq!(refusal_of(&guard, "f", &args).as_deref(), Some("guard: rule `r`: field `/a/0/b` (denied: secret_key)"));
    assert!(refusal(&guard, "f", b"sk_live_4242").is_some());
    assert_eq!(refusal(&guard, "f", b"\xff\x00"), None);
}

#[test]
fn a_field_with_allowed_patterns_must_match_one_entirely() {
    let guard = guard(json!({ "allow": [
        { "field": "/path", "pattern": "/srv/[a-z/]+" },
        { "field": "/path", "pattern": "/tmp/a|/tmp/b" },
    ] }));
    for path in ["/srv/x/y", "/tmp/a", "/tmp/b"] {
        assert_eq!(refusal_of(&guard, "f", &json!({ "path": path, "other": "?" })), None, "{path}");
    }
    for path in ["/srv/x/../y", "/srv/x\n/etc", "/srv/x\n", "x/srv/x", "/tmp/a/etc", "/tmp/bb", ""] {
        let words = refusal_of(&guard, "f", &json!({ "path": path })).unwrap();
        assert_eq!(words, "guard: rule `r`: field `/path` (none of what is allowed)", "{path}");
    }
    assert_eq!(refusal_of(&guard, "f", &json!({ "path": ["/tmp/a", "/srv/x"] })), None);
    assert!(refusal_of(&guard, "f", &json!({ "path": ["/tmp/a", "/etc"] })).unwrap().contains("`/path/1`"));
    assert!(refusal_of(&guard, "f", &json!({ "path": 7 })).is_some());
    assert!(refusal_of(&guard, "f", &json!({})).unwrap().contains("`/path` (missing"));
}

#[test]
fn allowed_patterns_for_no_field_are_for_every_string() {
    let guard = guard(json!({ "allow": [{ "field": "", "pattern": "[a-z ]*" }] }));
    assert_eq!(refusal_of(&guard, "f", &json!({ "Key": ["abc", "d e"], "n": 7 })), None);
    assert!(refusal_of(&guard, "f", &json!({ "a": ["abc", "X"] })).unwrap().contains("`/a/1`"));
    assert_eq!(refusal(&guard, "f", b"plain text"), None);
    assert!(refusal(&guard, "f", b"Plain text!").is_some());
}

#[test]
fn a_rule_is_about_its_functions_and_executor_types() {
    let rule = |executor_type: &str, function: &str| {
        guard(
            json!({ "executor_type": executor_type, "function": function, "deny": [{ "field": "", "pattern": "x" }] }),
        )
    };
    // `refusal_of` asks for executor type `ops`.
    for (executor_type, function, is_about) in [
        ("*", "*", true),
        ("ops", "pay", true),
        ("op*", "pa*", true),
        ("ops", "pay*", true),
        ("ops", "pa", false),
        ("finance", "*", false),
        ("*", "refund", false),
    ] {
        let refused = refusal_of(&rule(executor_type, function), "pay", &json!("x")).is_some();
        assert_eq!(refused, is_about, "{executor_type} {function}");
    }
}

#[test]
fn arguments_that_can_be_read_in_two_ways_are_refused() {
    let guard = guard(json!({ "deny": [{ "field": "/a", "pattern": "evil" }] }));
    for args in [r#"{"a":"evil","a":"good"}"#, r#"{"a":"good","\u0061":"evil"}"#] {
        assert!(refusal(&guard, "f", args.as_bytes()).unwrap().contains("a key stands twice"), "{args}");
    }
}

#[test]
fn every_rule_must_agree() {
    let guard = Guard::default()
        .with_json(br#"[{"name":"short","executor_type":"*","function":"*","schema":{"maxProperties":1}}]"#)
        .unwrap()
        .with_json(br#"[{"name":"calm","executor_type":"*","function":"*","deny":[{"field":"","pattern":"!"}]}]"#)
        .unwrap();
    assert_eq!(refusal_of(&guard, "shell", &json!({ "command": "ls" })), None);
    for (args, rule) in [
        (json!({ "command": "rm -rf /" }), "default:shell"),
        (json!({ "command": "ls", "b": 1 }), "short"),
        (json!({ "command": "ls !" }), "calm"),
    ] {
        assert!(refusal_of(&guard, "shell", &args).unwrap().contains(&format!("rule `{rule}`")), "{args}");
    }
}

#[test]
fn a_rule_that_cannot_be_used_is_an_error_that_names_rule_and_field() {
    for (rule, words) in [
        (
            json!({ "deny": [{ "field": "/a", "pattern": "x" }, { "field": "", "pattern": "(" }] }),
            "rule `r`: `deny[1].pattern`",
        ),
        (json!({ "deny": [{ "field": "", "pattern": "(?=x)" }] }), "look-around"),
        (json!({ "deny": [{ "field": "", "pattern": "x*" }] }), "and so everything"),
        (json!({ "deny": [{ "field": "", "pattern": "a{500}{500}" }] }), "rule `r`: `deny[0].pattern`"),
        (json!({ "allow": [{ "field": "/a", "pattern": "a)|(?:.*" }] }), "rule `r`: `allow[0].pattern`"),
        (json!({ "schema": { "type": "strin" } }), "rule `r`: `schema` is no JSON Schema"),
        (json!({ "schema": { "$ref": "https://example.com/s.json" } }), "nothing is fetched"),
        (json!({ "deny": [{ "field": "a", "pattern": "x" }] }), "JSON Pointer"),
        (json!({ "deny": [{ "feild": "/a", "pattern": "x" }] }), "unknown field `feild`"),
        (json!({ "deny": [["/a", "x"]] }), "a JSON object"),
        (json!({}), "`r`"),
        (json!({ "name": "no good\n", "schema": {} }), "letters, digits"),
    ] {
        let said = try_guard(rule.clone()).unwrap_err();
        assert!(said.contains(words), "{rule}: {said}");
    }
    assert!(Guard::empty().with_json(b"{}").is_err() && Guard::empty().with_json(b"[] []").is_err());
    let twice = json!([{ "name": "a", "executor_type": "*", "function": "*", "schema": {} }, { "name": "a", "executor_type": "*", "function": "*", "schema": {} }]);
    assert!(Guard::empty().with_json(twice.to_string().as_bytes()).unwrap_err().to_string().contains("`a`"));
}

#[test]
fn the_default_set_is_written_as_any_rules_are() {
    let rules = apiary_executor_sdk::guard::default_rules();
    let printed = serde_json::to_vec(&rules).unwrap();
    let guard = Guard::empty().with_json(&printed).unwrap();
    let words = refusal_of(&guard, "bash", &json!("rm -rf ~")).unwrap();
    assert_eq!(words, "guard: rule `default:bash`: args (denied: recursive_delete)");
}
