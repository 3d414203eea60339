//! `AddGrant`: only documents signed by the colony.

use apiary_identity::{Clock as _, Envelope, KeyPair, Role, SystemClock};
use apiary_tests::TestColony;
use jiff::SignedDuration;

on_each_store!(
    a_grant_takes_effect_at_once,
    the_same_grant_again_changes_nothing,
    only_the_colonys_own_signature_counts,
    an_expired_grant_gives_nothing,
    a_grant_altered_after_signing_is_refused
);

async fn a_grant_takes_effect_at_once(colony: TestColony) {
    let key = KeyPair::generate();
    let client = colony.client(&key);
    assert_eq!(client.submit_json("t", "f", &()).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let grant = colony.grant_document(&key, "ada", Role::User, &["f"], &["t"], &[]);
    // Anybody may deliver a signed grant.
    client.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    assert!(client.submit_json("t", "f", &()).await.is_ok());
    let over = client.submit_json("t", "other", &()).await.unwrap_err();
    assert_eq!(over.reason(), Some("NOT_PERMITTED"));
    assert!(over.to_string().contains("`other`"), "{over}");
}

async fn the_same_grant_again_changes_nothing(colony: TestColony) {
    let grant = colony.grant_document(&KeyPair::generate(), "ada", Role::User, &["f"], &["t"], &[]);
    let envelope = Envelope::seal(&colony.key, &grant).unwrap();
    let client = colony.client(&colony.key);
    let first = client.add_grant(&envelope).await.unwrap();
    let second = client.add_grant(&envelope).await.unwrap();
    assert_eq!((first.existed, second.existed), (false, true));
    assert_eq!(first.grant_id, second.grant_id);
    let mut other = grant;
    other.name = "eve".into();
    let taken = client.add_grant(&Envelope::seal(&colony.key, &other).unwrap()).await.unwrap_err();
    assert_eq!(taken.reason(), Some("TAKEN"), "{taken}");
}

async fn only_the_colonys_own_signature_counts(colony: TestColony) {
    let grant = colony.grant_document(&KeyPair::generate(), "ada", Role::User, &["*"], &["*"], &[]);
    for signer in [&colony.server_owner, &KeyPair::generate()] {
        let envelope = Envelope::seal(signer, &grant).unwrap();
        let refused = colony.client(&colony.key).add_grant(&envelope).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    }
}

async fn an_expired_grant_gives_nothing(colony: TestColony) {
    let key = KeyPair::generate();
    let mut grant = colony.grant_document(&key, "ada", Role::User, &["*"], &["*"], &[]);
    grant.valid_from = SystemClock.now() - SignedDuration::from_hours(2);
    grant.valid_until = SystemClock.now() - SignedDuration::from_hours(1);
    let client = colony.client(&key);
    client.add_grant(&Envelope::seal(&colony.key, &grant).unwrap()).await.unwrap();
    let refused = client.submit_json("t", "f", &()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("valid from"), "{refused}");
}

async fn a_grant_altered_after_signing_is_refused(colony: TestColony) {
    let grant = colony.grant_document(&KeyPair::generate(), "ada", Role::User, &["f"], &["t"], &[]);
    let mut envelope = Envelope::seal(&colony.key, &grant).unwrap();
    let altered = String::from_utf8(envelope.payload.to_vec()).unwrap().replace("\"user\"", "\"executor\"");
    envelope.payload = altered.into_bytes().into();
    let refused = colony.client(&colony.key).add_grant(&envelope).await.unwrap_err();
    assert_eq!(refused.reason(), Some("SIGNATURE_INVALID"), "{refused}");
}
