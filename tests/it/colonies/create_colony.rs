//! `CreateColony`: the server owner's alone.

use apiary_identity::KeyPair;
use apiary_tests::TestColony;

on_each_store!(
    only_the_server_owner_creates_colonies,
    the_same_colony_again_changes_nothing,
    a_taken_name_or_key_is_refused,
    a_bad_name_is_refused
);

async fn only_the_server_owner_creates_colonies(colony: TestColony) {
    let wanted = KeyPair::generate();
    for nobody in [&wanted, &colony.key, &KeyPair::generate()] {
        let refused = colony.client_for(wanted.id(), nobody).create_colony("other").await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{refused}");
    }
}

async fn the_same_colony_again_changes_nothing(colony: TestColony) {
    let owner = colony.client(&colony.server_owner);
    let first = owner.create_colony("test").await.unwrap();
    assert_eq!(first, owner.create_colony("test").await.unwrap());
}

async fn a_taken_name_or_key_is_refused(colony: TestColony) {
    let other = KeyPair::generate();
    let name = colony.client_for(other.id(), &colony.server_owner).create_colony("test").await.unwrap_err();
    assert_eq!(name.reason(), Some("TAKEN"), "{name}");
    let key = colony.client(&colony.server_owner).create_colony("renamed").await.unwrap_err();
    assert_eq!(key.reason(), Some("TAKEN"), "{key}");
}

async fn a_bad_name_is_refused(colony: TestColony) {
    for name in ["", "Test", "1st", "a b", "ü", &"x".repeat(64)] {
        let refused = colony.client_for(KeyPair::generate().id(), &colony.server_owner).create_colony(name).await;
        assert_eq!(refused.unwrap_err().reason(), Some("INVALID"), "{name:?}");
    }
}
