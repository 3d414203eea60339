//! Grants: roles, scopes, rights and validity.

use apiary_identity::{Document as _, Grant, GrantRight, KeyPair, Role, Scopes};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Scene, assert_refused, refusal, text, value, weak_points};

fn scopes(functions: &[&str], executor_types: &[&str]) -> Scopes {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Scopes { functions: owned(functions), executor_types: owned(executor_types) }
}

#[test]
fn an_entry_is_a_name_a_prefix_or_all() {
    let cases: &[(&str, &str, bool)] = &[
        ("billing.apply", "billing.apply", true),
        ("billing.apply", "billing.apply2", false),
        ("billing.apply", "billing.appl", false),
        ("billing.apply", "Billing.apply", false),
        ("billing.*", "billing.apply", true),
        ("billing.*", "billing.", true),
        ("billing.*", "billing", false),
        ("billing.*", "billingx", false),
        ("billing.*", "xbilling.apply", false),
        ("b*", "billing", true),
        ("*", "billing", true),
    ];
    for (entry, name, covered) in cases {
        assert_eq!(scopes(&[entry], &["*"]).cover("any", name), *covered, "{entry} and {name}");
        assert_eq!(scopes(&[], &[entry]).cover_executor_type(name), *covered, "{entry} and {name}");
    }
}

#[test]
fn both_names_must_be_covered_and_nothing_is_by_default() {
    assert!(scopes(&["a"], &["x"]).cover("x", "a"));
    assert!(!scopes(&["a"], &["x"]).cover("y", "a"));
    assert!(!scopes(&["a"], &["x"]).cover("x", "b"));
    assert!(!scopes(&[], &["*"]).cover("x", "a"));
    assert!(!scopes(&["*"], &[]).cover("x", "a"));
    assert!(!Scopes::default().cover_executor_type("x"));
}

#[test]
fn scopes_are_lists_of_plain_entries() {
    let good = value(&Scene::new().user_grant());
    for field in ["functions", "executor_types"] {
        let path = format!("scopes.{field}");
        for bad in ["", "**", "a**", "*a", "a*b", "-", "-*", "a b", "a b*", "ä*", &"x".repeat(129)] {
            assert_refused::<Grant>(&good, &path, json!([bad]), &format!("`scopes.{field}`"));
        }
        assert_refused::<Grant>(&good, &path, json!(vec!["a"; 257]), "lists 257 names, the most is 256");
        assert_refused::<Grant>(&good, &path, json!("*"), "not valid");
        let mut json = good.clone();
        json["scopes"][field] = json!([vec!["a"; 255], vec!["*"]].concat());
        assert!(Grant::from_json(json.to_string().as_bytes()).is_ok());
        json["scopes"].as_object_mut().unwrap().remove(field);
        assert!(refusal::<Grant>(json.to_string()).contains("missing field"));
    }
    assert_refused::<Grant>(&good, "scopes", json!([["*"], ["*"]]), "a JSON object");
    assert_refused::<Grant>(&good, "scopes.queues", json!(["*"]), "unknown field `queues`");
}

#[test]
fn a_grant_that_permits_nothing_is_refused() {
    let good = value(&Scene::new().user_grant());
    let refused = |role: &str, rights: Value, scopes: Value, field: &str| {
        let mut json = good.clone();
        (json["role"], json["rights"], json["scopes"]) = (role.into(), rights, scopes);
        let words = refusal::<Grant>(json.to_string());
        assert!(words.contains(&format!("`scopes.{field}`")) && words.contains("covers no work"), "{words}");
    };
    let scopes = |functions: &[&str], types: &[&str]| json!({ "functions": functions, "executor_types": types });
    for role in ["user", "executor"] {
        for rights in [json!([]), json!(["read"])] {
            refused(role, rights.clone(), scopes(&["a"], &[]), "executor_types");
            refused(role, rights, scopes(&[], &["x"]), "functions");
        }
        refused(role, json!([]), scopes(&[], &[]), "functions");
    }
    refused("executor", json!(["read"]), scopes(&[], &[]), "functions");
    let mut json = good.clone();
    (json["role"], json["rights"], json["scopes"]) = ("user".into(), json!(["read"]), scopes(&[], &[]));
    assert!(Grant::from_json(json.to_string().as_bytes()).is_ok(), "somebody who only looks");
}

#[test]
fn a_role_and_a_right_are_words() {
    let good = value(&Scene::new().user_grant());
    for bad in [json!("admin"), json!("User"), json!(""), json!({ "user": null }), json!(0), json!(["user"])] {
        assert_refused::<Grant>(&good, "role", bad, "not valid");
    }
    assert_refused::<Grant>(&good, "role", json!("owner"), "`user` or `executor`");
    for bad in [json!("write"), json!({ "read": null }), json!("READ")] {
        assert_refused::<Grant>(&good, "rights", json!([bad]), "not valid");
    }
    for role in [Role::User, Role::Executor] {
        assert_eq!(serde_json::to_value(role).unwrap(), json!(role.as_str()));
    }
    for right in GrantRight::ALL {
        assert_eq!(serde_json::to_value(right).unwrap(), json!(right.as_str()));
        assert_eq!(GrantRight::from_word(right.as_str()), Some(right));
    }
    assert_eq!(GrantRight::from_word("write"), None);
    // Grants that were signed keep their meaning: a word is never changed.
    let words: Vec<_> = GrantRight::ALL.into_iter().map(GrantRight::as_str).collect();
    let kept = "read read_own cancel cancel_own operate pause schedules executors approve signal archive read_events view_payloads";
    assert_eq!(words.join(" "), kept);
}

#[test]
fn a_right_includes_the_smaller_one() {
    let mut grant = Scene::new().user_grant();
    for (right, included) in [
        (GrantRight::Read, Some(GrantRight::ReadOwn)),
        (GrantRight::Cancel, Some(GrantRight::CancelOwn)),
        (GrantRight::Operate, Some(GrantRight::Pause)),
        (GrantRight::ReadOwn, None),
        (GrantRight::CancelOwn, None),
        (GrantRight::Pause, None),
        (GrantRight::ViewPayloads, None),
    ] {
        grant.rights = vec![right];
        for other in GrantRight::ALL {
            assert_eq!(grant.has_right(other), other == right || Some(other) == included, "{right:?}, {other:?}");
        }
    }
    // Both may stand in a grant: the smaller one then says nothing new.
    grant.rights = vec![GrantRight::ReadOwn, GrantRight::Read];
    assert!(Grant::from_json(&grant.to_json().unwrap()).is_ok());
}

#[test]
fn a_right_is_given_once() {
    let scene = Scene::new();
    let mut grant = scene.user_grant();
    assert!(!grant.has_right(GrantRight::Read));
    grant.rights = vec![GrantRight::Read];
    assert!(Grant::from_json(&grant.to_json().unwrap()).unwrap().has_right(GrantRight::Read));
    assert!(!grant.has_right(GrantRight::Cancel) && !grant.has_right(GrantRight::Operate));
    for twice in [json!(["read", "read"]), json!(["cancel", "read", "cancel"]), json!(vec!["read"; 1000])] {
        assert_refused::<Grant>(&value(&grant), "rights", twice, "`rights` names a right more than once");
    }
    grant.rights = vec![GrantRight::Operate, GrantRight::Read, GrantRight::Cancel];
    assert_eq!(Grant::from_json(&grant.to_json().unwrap()).unwrap().rights, grant.rights);
}

#[test]
fn a_grant_ends_after_it_begins_and_its_end_is_not_included() {
    let scene = Scene::new();
    let grant = scene.user_grant();
    let moment = SignedDuration::from_nanos(1);
    assert!(!grant.is_valid_at(grant.valid_from - moment));
    assert!(grant.is_valid_at(grant.valid_from));
    assert!(grant.is_valid_at(grant.valid_until - moment));
    assert!(!grant.is_valid_at(grant.valid_until));
    let good = value(&grant);
    for bad in [grant.valid_from, grant.valid_from - moment] {
        assert_refused::<Grant>(&good, "valid_until", json!(bad.to_string()), "`valid_until` must be later");
    }
}

#[test]
fn a_grant_is_about_another_key_than_the_colonys_and_a_sound_one() {
    let scene = Scene::new();
    let good = value(&scene.user_grant());
    assert_refused::<Grant>(&good, "key", text(scene.colony.id()), "needs no grant");
    for point in weak_points() {
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, point);
        for field in ["key", "colony"] {
            refusal::<Grant>(with(&good, field, json!(format!("ed25519:{encoded}"))));
        }
    }
    assert!(Grant::from_json(with(&good, "key", text(KeyPair::generate().id())).as_bytes()).is_ok());
}

#[test]
fn a_grants_name_and_number_are_plain() {
    let scene = Scene::new();
    let good = value(&scene.user_grant());
    for bad in ["", " ", "a b", "\0", &"x".repeat(129)] {
        assert_refused::<Grant>(&good, "name", json!(bad), "`name` is 1 to 128");
    }
    let id = scene.user_grant().grant_id;
    for bad in [json!(id.simple().to_string()), json!(id.urn().to_string()), json!(vec![7; 16])] {
        refusal::<Grant>(with(&good, "grant_id", bad));
    }
}

fn with(good: &Value, field: &str, changed: Value) -> String {
    let mut json = good.clone();
    json[field] = changed;
    json.to_string()
}
