//! Guards: the accepted format of the colony's rules.

use apiary_identity::chain::{BrokenLink, verify_guard};
use apiary_identity::{Document as _, Guard, GuardRule};
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, refusal, seal, value};

fn good() -> Value {
    value(&Scene::new().guard())
}

/// Asserts that a guard whose first rule has this field set to `bad` is refused, with these words.
#[track_caller]
fn assert_rule_refused(field: &str, bad: Value, words: &str) {
    let mut json = good();
    json["rules"][0][field] = bad;
    let found = refusal::<Guard>(json.to_string());
    assert!(found.contains(words), "{field}: expected {words:?} in {found:?}");
    assert!(found.len() < 600, "{} bytes of error", found.len());
}

#[test]
fn a_rule_covers_by_name_by_prefix_or_all() {
    let mut guard = Scene::new().guard();
    let rule = &mut guard.rules[0];
    assert!(rule.covers("ops", "shell.run") && !rule.covers("ops", "shell") && !rule.covers("op", "shell.run"));
    (rule.executor_type, rule.function) = ("*".to_owned(), "*".to_owned());
    assert!(rule.covers("any", "thing"));
}

#[test]
fn a_guard_prints_its_schema_as_it_was_written() {
    let guard = Scene::new().guard();
    let read = Guard::from_json(&guard.to_json().unwrap()).unwrap();
    assert_eq!(read.rules[0].schema.as_ref().unwrap().get(), r#"{"required": ["command"]}"#);
    assert_eq!((read.rules[0].deny.clone(), read.version), (guard.rules[0].deny.clone(), 1));
}

#[test]
fn versions_count_from_one() {
    for bad in [0, -1] {
        assert_refused::<Guard>(&good(), "version", json!(bad), "`version` counts from 1");
    }
    assert_refused::<Guard>(&good(), "version", json!("1"), "not valid");
}

#[test]
fn a_rule_is_about_something_and_forbids_something() {
    for bad in ["", "**", "a b", "*a"] {
        assert_rule_refused("executor_type", json!(bad), "`rules.executor_type`");
        assert_rule_refused("function", json!(bad), "`rules.function`");
    }
    assert_rule_refused("name", json!("no shell"), "`rules.name`");
    assert_rule_refused("colour", json!("red"), "unknown field `colour`");
    let mut json = good();
    json["rules"] = json!([{ "name": "idle", "executor_type": "*", "function": "*" }]);
    assert!(refusal::<Guard>(json.to_string()).contains("`rules` of `idle` forbids nothing"));
    json["rules"] = json!([["idle", "*", "*"]]);
    assert!(refusal::<Guard>(json.to_string()).contains("a JSON object"));
    json["rules"] = json!([]);
    assert!(Guard::from_json(json.to_string().as_bytes()).is_ok());
}

#[test]
fn names_of_rules_differ() {
    let mut json = good();
    let rule = json["rules"][0].clone();
    json["rules"] = json!([rule, rule]);
    assert!(refusal::<Guard>(json.to_string()).contains("two rules named `shell`"));
}

#[test]
fn a_schema_is_a_bounded_object() {
    for bad in [json!(true), json!([]), json!("{}"), json!(1)] {
        assert_rule_refused("schema", bad, "`rules.schema` of `shell` is a JSON Schema: write an object");
    }
    assert_rule_refused("schema", json!({ "title": "x".repeat(70_000) }), "the most is 65536");
    let mut deep = json!({});
    for _ in 0..110 {
        deep = json!({ "not": deep });
    }
    assert_rule_refused("schema", deep, "nests 111 levels deep, the most is 100");
}

#[test]
fn a_pattern_looks_in_a_place_that_a_pointer_can_name() {
    let pattern = |field: &str, pattern: &str| json!([{ "field": field, "pattern": pattern }]);
    for list in ["deny", "allow"] {
        for bad in ["command", "a/b", "/a~", "/a~2", "/~", "~0"] {
            assert_rule_refused(list, pattern(bad, "x"), &format!("`rules.{list}.field` of `shell` is a JSON Pointer"));
        }
        for fine in ["", "/", "/a/0/-", "/a~0b~1c", "/ä b"] {
            let mut json = good();
            json["rules"][0][list] = pattern(fine, "x");
            assert!(Guard::from_json(json.to_string().as_bytes()).is_ok(), "{fine}");
        }
        assert_rule_refused(list, pattern(&"/".repeat(513), "x"), "513 bytes, the most is 512");
        assert_rule_refused(list, pattern("/a", &"x".repeat(513)), "513 bytes, the most is 512");
        assert_rule_refused(list, pattern("/a", ""), &format!("`rules.{list}.pattern` of `shell` is empty"));
        assert_rule_refused(list, json!([["/a", "x"]]), "a JSON object");
        assert_rule_refused(list, json!([{ "field": "/a" }]), "missing field `pattern`");
    }
}

#[test]
fn rules_and_patterns_have_an_end() {
    let mut json = good();
    let pattern = json!({ "field": "", "pattern": "x" });
    (json["rules"][0]["deny"], json["rules"][0]["allow"]) = (json!(vec![&pattern; 32]), json!(vec![&pattern; 32]));
    assert!(Guard::from_json(json.to_string().as_bytes()).is_ok());
    json["rules"][0]["allow"] = json!(vec![&pattern; 33]);
    assert!(refusal::<Guard>(json.to_string()).contains("list more than 64 patterns"));
    let mut json = good();
    let named = |name: usize| {
        let mut rule = json["rules"][0].clone();
        rule["name"] = json!(format!("rule-{name}"));
        rule
    };
    let (most, more) = ((0..256).map(named).collect::<Vec<_>>(), (0..257).map(named).collect::<Vec<_>>());
    json["rules"] = json!(most);
    assert!(Guard::from_json(json.to_string().as_bytes()).is_ok());
    assert_refused::<Guard>(&json, "rules", json!(more), "lists 257 rules, the most is 256");
}

#[test]
fn a_list_of_rules_is_read_as_a_guards() {
    let rules = good()["rules"].clone();
    assert_eq!(GuardRule::list_from_json(rules.to_string().as_bytes()).unwrap()[0].name, "shell");
    let refused = |json: &str| GuardRule::list_from_json(json.as_bytes()).unwrap_err().to_string();
    for (json, words) in [
        ("{}", "not valid"),
        ("[] []", "trailing"),
        (r#"[["idle","*","*"]]"#, "a JSON object"),
        (r#"[{"name":"idle","executor_type":"*","function":"*"}]"#, "forbids nothing"),
        (
            r#"[{"name":"a","executor_type":"*","function":"*","schema":{}},{"name":"a","executor_type":"*","function":"*","schema":{}}]"#,
            "two rules named `a`",
        ),
    ] {
        let found = refused(json);
        assert!(found.contains(words), "{json}: {found}");
    }
}

#[test]
fn only_the_colony_guards_and_only_itself() {
    let scene = Scene::new();
    let (colony, mut guard) = (scene.colony.id(), scene.guard());
    assert_eq!(verify_guard(&colony, &seal(&scene.colony, &guard)).unwrap().rules[0].name, "shell");
    let foreign = verify_guard(&colony, &seal(&scene.executor, &guard)).unwrap_err();
    assert!(matches!(foreign, BrokenLink::StatementForeign { what: "guard", .. }), "{foreign}");
    guard.colony = scene.user.id();
    let elsewhere = verify_guard(&colony, &seal(&scene.colony, &guard)).unwrap_err();
    assert!(matches!(elsewhere, BrokenLink::StatementElsewhere { .. }), "{elsewhere}");
}
