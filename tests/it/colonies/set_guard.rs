//! `SetGuard`: the colony's own signature, and only higher versions.

use apiary_executor_sdk::Client;
use apiary_identity::{Envelope, Guard, KeyPair};
use apiary_tests::TestColony;
use serde_json::json;

on_each_store!(
    newer_rules_take_the_place_of_older_ones_and_never_the_other_way_round,
    only_the_colonys_own_signature_sets_rules,
    rules_altered_after_signing_are_refused
);

/// Returns a client without rights: anybody may deliver signed rules.
fn anybody(colony: &TestColony) -> Client {
    colony.client(&KeyPair::generate())
}

async fn newer_rules_take_the_place_of_older_ones_and_never_the_other_way_round(colony: TestColony) {
    let rules =
        json!([{ "name": "none", "executor_type": "*", "function": "pay", "deny": [{ "field": "", "pattern": "." }] }]);
    let (first, third) = (colony.guard(1, &rules), colony.guard(3, &json!([])));
    let (anybody, owner) = (anybody(&colony), colony.client(&colony.key));
    for guard in [&first, &first, &third, &third] {
        anybody.set_guard(guard).await.unwrap();
        assert_eq!(owner.get_guard().await.unwrap().as_ref(), Some(guard));
    }
    for (late, words) in [(first, "version 3, and these have 1"), (colony.guard(3, &rules), "other rules")] {
        let refused = anybody.set_guard(&late).await.unwrap_err();
        assert_eq!(refused.reason(), Some("TAKEN"), "{refused}");
        assert!(refused.to_string().contains(words) && refused.to_string().contains("higher one"), "{refused}");
        assert_eq!(owner.get_guard().await.unwrap().as_ref(), Some(&third));
    }
}

async fn only_the_colonys_own_signature_sets_rules(colony: TestColony) {
    let guard: Guard = colony.guard(1, &json!([])).open().unwrap();
    colony.user("ada").await;
    for signer in [&colony.server_owner, &KeyPair::generate(), &colony.key_of("ada")] {
        let envelope = Envelope::seal(signer, &guard).unwrap();
        let refused = anybody(&colony).set_guard(&envelope).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    }
    let foreign = Guard { colony: KeyPair::generate().id(), ..guard };
    let refused = anybody(&colony).set_guard(&Envelope::seal(&colony.key, &foreign).unwrap()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    assert_eq!(colony.client(&colony.key).get_guard().await.unwrap(), None);
}

async fn rules_altered_after_signing_are_refused(colony: TestColony) {
    let mut envelope = colony.guard(1, &json!([]));
    let payload = String::from_utf8(envelope.payload.to_vec()).unwrap();
    envelope.payload = payload.replace("\"version\":1", "\"version\":2").into();
    let refused = anybody(&colony).set_guard(&envelope).await.unwrap_err();
    assert_eq!(refused.reason(), Some("SIGNATURE_INVALID"), "{refused}");
    let grant = colony.grant_document(&KeyPair::generate(), "ada", apiary_identity::Role::User, &["f"], &["t"], &[]);
    let other = Envelope::seal(&colony.key, &grant).unwrap();
    assert!(anybody(&colony).set_guard(&other).await.is_err(), "a grant is no guard");
}
