//! Revocations: the grants that they end, and from which moment.

use apiary_identity::chain::{BrokenLink, verify_revocation};
use apiary_identity::{Document as _, KeyPair, Revocation};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Scene, assert_refused, refusal, seal, spoil, text, value};

#[test]
fn it_is_about_one_grant_or_one_key() {
    let scene = Scene::new();
    let grant = scene.user_grant();
    let good = value(&scene.revocation(&grant));
    assert_refused::<Revocation>(&good, "key", text(grant.key), "`key` and `grant_id` exclude each other");
    let mut json = good.clone();
    json.as_object_mut().unwrap().remove("grant_id");
    assert!(refusal::<Revocation>(json.to_string()).contains("`key` or `grant_id` is missing: say what is dead"));
    assert_refused::<Revocation>(&json, "key", text(scene.colony.id()), "the colony's own key");
    json["key"] = text(grant.key);
    assert_eq!(Revocation::from_json(json.to_string().as_bytes()).unwrap().key, Some(grant.key));
    json["grant_id"] = json!(null);
    assert!(Revocation::from_json(json.to_string().as_bytes()).is_ok());
    let id = grant.grant_id;
    for bad in [json!(id.simple().to_string()), json!(id.urn().to_string()), json!(7), json!("")] {
        assert_refused::<Revocation>(&good, "grant_id", bad, "not valid");
    }
}

#[test]
fn it_holds_from_its_first_moment_on_for_that_grant_or_key_alone() {
    let scene = Scene::new();
    let (grant, other) = (scene.user_grant(), scene.executor_grant());
    let by_grant = scene.revocation(&grant);
    let by_key = Revocation { grant_id: None, key: Some(grant.key), ..by_grant.clone() };
    let moment = SignedDuration::from_nanos(1);
    for revocation in [&by_grant, &by_key] {
        assert!(revocation.revokes(&grant, scene.now) && !revocation.revokes(&grant, scene.now - moment));
        assert!(!revocation.revokes(&other, scene.now));
    }
    let mut again = scene.user_grant();
    again.grant_id = Uuid::new_v4();
    assert!(by_key.revokes(&again, scene.now) && !by_grant.revokes(&again, scene.now));
    again.colony = KeyPair::generate().id();
    assert!(!by_key.revokes(&again, scene.now));
}

#[test]
fn the_reason_is_bounded() {
    let scene = Scene::new();
    let good = value(&scene.revocation(&scene.user_grant()));
    assert_refused::<Revocation>(&good, "reason", json!("x".repeat(1025)), "1025 bytes, the most is 1024");
    assert_refused::<Revocation>(&good, "reason", json!("a\0"), "NUL");
}

#[test]
fn only_the_colony_revokes_and_only_for_itself() {
    let scene = Scene::new();
    let (colony, mut revocation) = (scene.colony.id(), scene.revocation(&scene.user_grant()));
    assert_eq!(verify_revocation(&colony, &seal(&scene.colony, &revocation)).unwrap(), revocation);
    let foreign = verify_revocation(&colony, &seal(&scene.user, &revocation)).unwrap_err();
    assert!(foreign.to_string().starts_with("revocation: signed by ed25519:"), "{foreign}");
    let mut torn = seal(&scene.colony, &revocation);
    spoil(&mut torn);
    assert!(matches!(verify_revocation(&colony, &torn), Err(BrokenLink::Statement { what: "revocation", .. })));
    let other = scene.granted(&scene.user_grant());
    assert!(verify_revocation(&colony, &other).unwrap_err().to_string().contains("expected a document of type"));
    revocation.colony = scene.executor.id();
    let elsewhere = verify_revocation(&colony, &seal(&scene.colony, &revocation)).unwrap_err();
    assert!(matches!(elsewhere, BrokenLink::StatementElsewhere { .. }), "{elsewhere}");
}
