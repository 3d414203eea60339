//! `GetBulk`: how far it is.

use apiary_identity::{GrantRight, Role};
use apiary_tests::TestColony;
use uuid::Uuid;

use super::{of_type, order, through};

on_each_store!(those_who_read_or_operate_see_it);

async fn those_who_read_or_operate_see_it(colony: TestColony) {
    let (owner, reader, user) = (colony.client(&colony.key), colony.reader().await, colony.user("ada").await);
    let operator = colony.grant("op", Role::User, &[], &[], &[GrantRight::Operate]).await;
    let id = owner.start_bulk(order("discard", of_type("t"))).await.unwrap().bulk_id;
    through(&owner, &id).await;
    for client in [&owner, &reader, &operator] {
        let bulk = client.get_bulk(&id).await.unwrap();
        assert_eq!((bulk.action.as_str(), bulk.matched, bulk.changed), ("discard", 0, 0));
        assert_eq!(bulk.filter.unwrap().executor_type, "t");
    }
    assert_eq!(user.get_bulk(&id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let unknown = reader.get_bulk(&Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!(unknown.reason(), Some("NOT_FOUND"));
}
