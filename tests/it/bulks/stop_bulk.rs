//! `StopBulk`: the bulk action stops where it is, and can be resumed.

use apiary_executor_sdk::v1::{ProcessFilter, ProcessState};
use apiary_identity::{GrantRight, Role};
use apiary_tests::TestColony;

use super::{count, in_states, order, submit_many, through};

on_each_store!(it_stops_and_goes_on, what_is_through_stays_so, only_who_may_start_it_may_stop_it);

async fn it_stops_and_goes_on(colony: TestColony) {
    let (user, ops) = (colony.user("ada").await, colony.operator("ops").await);
    submit_many(&user, &colony.key_of("ada"), "t", 2000).await;
    let started = ops.start_bulk(order("cancel", ProcessFilter::default())).await.unwrap();
    let stopped = ops.stop_bulk(&started.bulk_id, false).await.unwrap();
    assert_eq!(stopped.state, "stopped");
    assert!(stopped.ended_at_ms >= started.started_at_ms);
    assert_eq!(ops.stop_bulk(&started.bulk_id, false).await.unwrap().state, "stopped", "again changes nothing");
    let running = ops.stop_bulk(&started.bulk_id, true).await.unwrap();
    assert_eq!((running.state.as_str(), running.ended_at_ms), ("running", 0));
    let done = through(&ops, &started.bulk_id).await;
    assert_eq!((done.changed, done.skipped), (2000, 0));
    assert_eq!(count(&ops, in_states(&[ProcessState::Waiting])).await, 0);
}

async fn what_is_through_stays_so(colony: TestColony) {
    let ops = colony.operator("ops").await;
    let started = ops.start_bulk(order("cancel", ProcessFilter::default())).await.unwrap();
    through(&ops, &started.bulk_id).await;
    for go_on in [false, true] {
        assert!(ops.stop_bulk(&started.bulk_id, go_on).await.is_err());
    }
    assert_eq!(ops.get_bulk(&started.bulk_id).await.unwrap().state, "finished");
}

async fn only_who_may_start_it_may_stop_it(colony: TestColony) {
    let canceller = colony.grant("carl", Role::User, &[], &[], &[GrantRight::Cancel]).await;
    let ops = colony.operator("ops").await;
    let started = ops.start_bulk(order("redrive", ProcessFilter::default())).await.unwrap();
    assert_eq!(canceller.stop_bulk(&started.bulk_id, false).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}
