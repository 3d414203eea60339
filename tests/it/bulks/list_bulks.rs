//! `ListBulks`: the last hundred, newest first.

use apiary_executor_sdk::v1::ProcessFilter;
use apiary_tests::TestColony;

use super::order;

on_each_store!(the_newest_comes_first_and_only_who_may_read_sees_it);

async fn the_newest_comes_first_and_only_who_may_read_sees_it(colony: TestColony) {
    let (user, reader, ops) = (colony.user("ada").await, colony.reader().await, colony.operator("ops").await);
    let mut started = Vec::new();
    for action in ["cancel", "redrive", "retry"] {
        let request = order(action, ProcessFilter::default());
        started.push((ops.start_bulk(request.clone()).await.unwrap().started_at_ms, request.bulk_id));
    }
    started.sort();
    started.reverse();
    let listed = reader.list_bulks().await.unwrap().bulks;
    let listed: Vec<_> = listed.into_iter().map(|bulk| (bulk.started_at_ms, bulk.bulk_id)).collect();
    assert_eq!(listed, started);
    assert_eq!(user.list_bulks().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
