//! `GetBulk`: the progress of a bulk action, for readers.

use apiary_executor_sdk::v1::{ProcessFilter, ProcessState};
use apiary_tests::TestColony;
use uuid::Uuid;

use super::{in_states, order, through};

on_each_store!(the_filter_is_shown_as_it_is_applied, only_who_may_read_sees_it);

async fn the_filter_is_shown_as_it_is_applied(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let filter = ProcessFilter {
        function: "f".into(),
        executor_type: "t".into(),
        labels: [("tier".to_owned(), "gold".to_owned())].into(),
        submitter: "ada".into(),
        submitted_from_ms: 5,
        ..in_states(&[ProcessState::Waiting])
    };
    let started = ops.start_bulk(order("cancel", filter.clone())).await.unwrap();
    let done = through(&ops, &started.bulk_id).await;
    let shown = done.filter.unwrap();
    assert_eq!(shown.submitted_until_ms, done.started_at_ms, "what comes later is not meant");
    assert_eq!(ProcessFilter { submitted_until_ms: 0, ..shown }, filter);
    assert_eq!((done.matched, done.changed), (0, 0), "no label matches");
    assert_eq!(ops.get_bulk(&Uuid::now_v7().to_string()).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(ops.get_bulk("x").await.unwrap_err().reason(), Some("INVALID"));
}

async fn only_who_may_read_sees_it(colony: TestColony) {
    let (user, reader, ops) = (colony.user("ada").await, colony.reader().await, colony.operator("ops").await);
    let started = ops.start_bulk(order("cancel", ProcessFilter::default())).await.unwrap();
    assert!(reader.get_bulk(&started.bulk_id).await.is_ok());
    assert_eq!(user.get_bulk(&started.bulk_id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
