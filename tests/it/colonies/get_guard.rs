//! `GetGuard`: for members only.

use apiary_identity::KeyPair;
use apiary_tests::TestColony;
use serde_json::json;

on_each_store!(every_member_reads_the_rules_and_nobody_else);

async fn every_member_reads_the_rules_and_nobody_else(colony: TestColony) {
    let guard = colony.guard(1, &json!([]));
    let owner = colony.client(&colony.key);
    assert_eq!(owner.get_guard().await.unwrap(), None);
    owner.set_guard(&guard).await.unwrap();
    for member in [owner, colony.user("ada").await, colony.executor("bee", "t").await, colony.reader().await] {
        assert_eq!(member.get_guard().await.unwrap().as_ref(), Some(&guard));
    }
    let stranger = colony.client(&KeyPair::generate());
    assert_eq!(stranger.get_guard().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
