//! The colony's rules: signed, numbered, and always in addition to other rules.

use apiary_executor_sdk::guard::Guard;
use apiary_identity::{Envelope, Guard as GuardDocument, GuardRule, KeyPair};
use jiff::Timestamp;
use serde_json::json;

use crate::refusal_of;

fn document(colony: &KeyPair, version: i64, denied: &str) -> GuardDocument {
    let rule = json!({
        "name": "colony", "executor_type": "*", "function": "*", "deny": [{ "field": "", "pattern": denied }],
    });
    let rule: GuardRule = serde_json::from_str(&rule.to_string()).unwrap();
    GuardDocument { colony: colony.id(), version, made_at: Timestamp::UNIX_EPOCH, rules: vec![rule] }
}

fn sealed(colony: &KeyPair, version: i64, denied: &str) -> Envelope {
    Envelope::seal(colony, &document(colony, version, denied)).unwrap()
}

fn refuses(guard: &Guard, text: &str) -> bool {
    refusal_of(guard, "f", &json!(text)).is_some()
}

#[test]
fn the_colonys_rules_are_in_effect_and_newer_ones_take_their_place() {
    let colony = KeyPair::generate();
    let mut guard = Guard::empty();
    assert_eq!(guard.colony_version(), None);
    guard.with_colony(&colony.id(), &sealed(&colony, 1, "one")).unwrap();
    assert!(refuses(&guard, "one") && !refuses(&guard, "two"));
    guard.with_colony(&colony.id(), &sealed(&colony, 3, "two")).unwrap();
    assert!(!refuses(&guard, "one") && refuses(&guard, "two"));
    assert_eq!(guard.colony_version(), Some(3));
}

#[test]
fn older_rules_do_not_come_back() {
    let colony = KeyPair::generate();
    let mut guard = Guard::empty();
    let (second, third) = (sealed(&colony, 2, "two"), sealed(&colony, 3, "three"));
    guard.with_colony(&colony.id(), &third).unwrap();
    let words = guard.with_colony(&colony.id(), &second).unwrap_err().to_string();
    assert!(words.contains("of version 2, and version 3 is known"), "{words}");
    let other = guard.with_colony(&colony.id(), &sealed(&colony, 3, "other")).unwrap_err().to_string();
    assert!(other.contains("known under version 3"), "{other}");
    guard.with_colony(&colony.id(), &third).unwrap();
    assert!(refuses(&guard, "three") && !refuses(&guard, "two") && !refuses(&guard, "other"));
}

#[test]
fn nobody_else_makes_the_colonys_rules() {
    let (colony, mallory) = (KeyPair::generate(), KeyPair::generate());
    let mut guard = Guard::empty();
    guard.with_colony(&colony.id(), &sealed(&colony, 1, "one")).unwrap();
    let by_mallory = Envelope::seal(&mallory, &document(&colony, 2, "two")).unwrap();
    let of_mallory = sealed(&mallory, 2, "two");
    let mut altered = sealed(&colony, 2, "two");
    altered.payload = String::from_utf8(altered.payload.to_vec()).unwrap().replace("two", "tow").into();
    let for_mallory = Envelope::seal(&colony, &document(&mallory, 2, "two")).unwrap();
    for (envelope, words) in
        [(by_mallory, "signed by"), (of_mallory, "signed by"), (altered, "signature"), (for_mallory, "made for")]
    {
        let said = guard.with_colony(&colony.id(), &envelope).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
        assert_eq!(guard.colony_version(), Some(1));
        assert!(refuses(&guard, "one"));
    }
}

#[test]
fn rules_that_cannot_be_used_leave_the_known_ones_in_effect() {
    let colony = KeyPair::generate();
    let mut guard = Guard::empty();
    guard.with_colony(&colony.id(), &sealed(&colony, 1, "one")).unwrap();
    let words = guard.with_colony(&colony.id(), &sealed(&colony, 2, "(")).unwrap_err().to_string();
    assert!(words.contains("rule `colony`: `deny[0].pattern`"), "{words}");
    assert_eq!(guard.colony_version(), Some(1));
    assert!(refuses(&guard, "one"));
}

#[test]
fn the_colony_takes_no_rule_of_the_executors_away() {
    let colony = KeyPair::generate();
    let own = br#"[{"name":"colony","executor_type":"*","function":"*","deny":[{"field":"","pattern":"own"}]}]"#;
    let mut guard = Guard::default().with_json(own).unwrap();
    let mut nothing = document(&colony, 1, "x");
    nothing.rules.clear();
    guard.with_colony(&colony.id(), &Envelope::seal(&colony, &nothing).unwrap()).unwrap();
    assert!(refuses(&guard, "own"));
    assert!(refusal_of(&guard, "shell", &json!("rm -rf /")).is_some());
}
