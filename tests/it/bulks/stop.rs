//! `StopBulk`: where it is, and on again.

use apiary_identity::{GrantRight, Role};
use apiary_tests::TestColony;

use super::{of_type, order, through};

on_each_store!(what_is_through_is_not_stopped_and_only_those_who_may_start_it_stop_it);

async fn what_is_through_is_not_stopped_and_only_those_who_may_start_it_stop_it(colony: TestColony) {
    let owner = colony.client(&colony.key);
    let operator = colony.grant("op", Role::User, &[], &[], &[GrantRight::Operate]).await;
    let id = owner.start_bulk(order("cancel", of_type("t"))).await.unwrap().bulk_id;
    assert_eq!(operator.stop_bulk(&id, false).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    through(&owner, &id).await;
    assert_eq!(owner.stop_bulk(&id, false).await.unwrap_err().reason(), Some("INVALID"), "it is through");
    assert_eq!(owner.stop_bulk(&id, true).await.unwrap_err().reason(), Some("INVALID"));
}
