//! `ListBulks`: the last ones.

use apiary_tests::TestColony;

use super::{of_type, order};

on_each_store!(the_newest_comes_first_and_strangers_see_none);

async fn the_newest_comes_first_and_strangers_see_none(colony: TestColony) {
    let (owner, user) = (colony.client(&colony.key), colony.user("ada").await);
    let mut ids = Vec::new();
    for action in ["cancel", "retry"] {
        ids.insert(0, owner.start_bulk(order(action, of_type("t"))).await.unwrap().bulk_id);
    }
    let listed: Vec<_> = owner.list_bulks().await.unwrap().bulks.into_iter().map(|bulk| bulk.bulk_id).collect();
    assert_eq!(listed, ids);
    assert_eq!(user.list_bulks().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
