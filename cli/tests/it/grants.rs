//! `apiary grant add`, where there is no network.

use apiary_identity::{Envelope, Grant, GrantRight, Role};

use crate::scene::Scene;

const SCOPES: [&str; 4] = ["--function", "a", "--executor-type", "x"];

fn sign_as(scene: &Scene, role: &str, arguments: &[&str]) -> crate::scene::Ran {
    let base = ["grant", "add", "--colony-key", "colony.pem", "--role", role, "--name", "shop"];
    scene.run(&[&base[..], arguments].concat())
}

fn sign(scene: &Scene, arguments: &[&str]) -> crate::scene::Ran {
    sign_as(scene, "user", &[&SCOPES[..], arguments].concat())
}

#[test]
fn a_grant_is_signed_without_a_network() {
    let scene = Scene::new();
    let (colony, shop) = (scene.new_key("colony.pem"), scene.new_key("shop.pem"));
    let scopes = ["--function", "invoice.*", "--executor-type", "finance", "--right", "read"];
    sign_as(&scene, "user", &[&scopes[..], &["--key", &shop, "--out", "grant.json"]].concat()).ok();
    let envelope = Envelope::from_json(scene.read("grant.json").as_bytes()).unwrap();
    assert_eq!(envelope.key_id.to_string(), colony);
    let grant: Grant = envelope.open().unwrap();
    assert_eq!((grant.key.to_string(), grant.role, grant.name.as_str()), (shop, Role::User, "shop"));
    assert!(grant.scopes.cover("finance", "invoice.send") && !grant.scopes.cover("finance", "refund"));
    let days = grant.valid_until.duration_since(grant.valid_from).as_hours() / 24;
    assert_eq!(days, 365);
}

#[test]
fn a_signed_grant_is_not_overwritten() {
    let scene = Scene::new();
    scene.new_key("colony.pem");
    let shop = scene.new_key("shop.pem");
    scene.write("grant.json", "mine");
    sign(&scene, &["--key", &shop, "--out", "grant.json"]).fails_with(1);
    assert_eq!(scene.read("grant.json"), "mine");
}

#[test]
fn a_grant_that_was_altered_is_not_delivered() {
    let scene = Scene::new();
    scene.new_key("colony.pem");
    let shop = scene.new_key("shop.pem");
    let json = sign(&scene, &["--key", &shop, "--out", "-"]).ok();
    let mut envelope = Envelope::from_json(json.as_bytes()).unwrap();
    let altered = String::from_utf8(envelope.payload.to_vec()).unwrap().replace("[\"a\"]", "[\"*\"]");
    envelope.payload = altered.into();
    scene.write("grant.json", &String::from_utf8(envelope.to_json()).unwrap());
    let words = scene.run(&["grant", "add", "--from", "grant.json"]).fails_with(6);
    assert!(words.contains("grant.json") && words.contains("signature"), "{words}");
}

#[test]
fn a_grant_for_another_colony_than_the_pinned_one_is_refused() {
    let scene = Scene::new();
    scene.new_key("colony.pem");
    let shop = scene.new_key("shop.pem");
    let words = sign(&scene, &["--colony", &shop, "--key", &shop, "--out", "-"]).fails_with(2);
    assert!(words.contains("use that colony's key"), "{words}");
}

#[test]
fn a_grant_for_the_colonys_own_key_makes_no_sense() {
    let scene = Scene::new();
    let colony = scene.new_key("colony.pem");
    let words = sign(&scene, &["--key", &colony, "--out", "-"]).fails_with(2);
    assert!(words.contains("needs no grant"), "{words}");
}

#[test]
fn a_grant_that_would_cover_nothing_is_refused_and_the_flags_are_named() {
    let scene = Scene::new();
    scene.new_key("colony.pem");
    let shop = scene.new_key("shop.pem");
    let key = ["--key", &shop, "--out", "grant.json"];
    for role in ["user", "executor"] {
        for (given, missing) in [
            (&[][..], "--function and --executor-type are missing"),
            (&["--function", "*"], "--executor-type is missing"),
            (&["--executor-type", "*"], "--function is missing"),
            (&["--executor-type", "*", "--right", "read"], "--function is missing"),
        ] {
            let words = sign_as(&scene, role, &[&key[..], given].concat()).fails_with(2);
            assert!(words.contains(missing) && words.contains("cover no work"), "{role}: {words}");
            assert!(!scene.path("grant.json").exists(), "{role}: nothing is signed");
        }
    }
    sign_as(&scene, "executor", &[&key[..], &["--right", "read"]].concat()).fails_with(2);
    sign_as(&scene, "user", &[&key[..], &["--right", "read"]].concat()).ok();
}

#[test]
fn every_right_is_known_and_an_unknown_one_is_told_the_nearest() {
    let scene = Scene::new();
    scene.new_key("colony.pem");
    let shop = scene.new_key("shop.pem");
    let rights: Vec<&str> = GrantRight::ALL.iter().flat_map(|right| ["--right", right.as_str()]).collect();
    sign_as(&scene, "user", &[&["--key", &shop, "--out", "grant.json"], &rights[..]].concat()).ok();
    let grant: Grant = Envelope::from_json(scene.read("grant.json").as_bytes()).unwrap().open().unwrap();
    assert_eq!(grant.rights, GrantRight::ALL);
    let words = sign_as(&scene, "user", &["--key", &shop, "--right", "view_payload"]).fails_with(2);
    assert!(words.contains("view_payload") && words.contains("view_payloads"), "{words}");
    assert!(words.contains("read_own"), "all are listed: {words}");
    let words = sign_as(&scene, "user", &["--key", &shop, "--right", "read", "--right", "read"]).fails_with(2);
    assert!(words.contains("more than once"), "{words}");
}
