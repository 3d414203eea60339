//! `Discard`: a dead letter becomes failed.

use apiary_executor_sdk::v1::ProcessState;
use apiary_tests::TestColony;
use uuid::Uuid;

use super::redrive::dead_letter;

on_each_store!(a_dead_letter_is_given_up_once, only_operators_discard);

async fn a_dead_letter_is_given_up_once(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = dead_letter(&colony, &user, &bee, "t").await;
    let process = ops.discard(id, "the customer is gone").await.unwrap();
    assert_eq!((process.state(), process.ended_by.as_str()), (ProcessState::Failed, "ops"));
    assert_eq!(process.reason, "the customer is gone");
    assert_eq!(ops.get_process(id).await.unwrap().attempts[0].reason, "not believed", "what went wrong stays");
    let again = ops.discard(id, "").await.unwrap_err();
    assert_eq!(again.reason(), Some("STATE_CONFLICT"));
    let waiting = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let refused = ops.discard(waiting, "").await.unwrap_err();
    assert!(refused.reason() == Some("STATE_CONFLICT") && refused.to_string().contains("`waiting`"), "{refused}");
    assert_eq!(ops.discard(Uuid::now_v7(), "").await.unwrap_err().reason(), Some("NOT_FOUND"));
}

async fn only_operators_discard(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = dead_letter(&colony, &user, &bee, "t").await;
    for nobody in [&user, &reader, &bee] {
        assert_eq!(nobody.discard(id, "").await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert!(colony.client(&colony.key).discard(id, "").await.is_ok());
}
