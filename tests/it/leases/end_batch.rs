//! `EndBatch`: each result has an answer of its own, in order.

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::OutcomeKind;
use apiary_tests::TestColony;
use apiary_tests::colony::{CLAIM_WAIT, claim, state_of};

on_each_store!(each_result_ends_its_lease_as_it_says, an_empty_batch_and_one_too_big_are_refused);

async fn each_result_ends_its_lease_as_it_says(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    colony.executor("thief", "t").await;
    for _ in 0..4 {
        user.submit_json("t", "f", &()).await.unwrap();
    }
    let leases = claim(&bee, "t", 4, CLAIM_WAIT).await;
    assert_eq!(leases.len(), 4);
    let results = [
        colony.success("bee", &leases[0], b"1"),
        colony.failure("bee", &leases[1], OutcomeKind::FailedFinal, "never"),
        // An executor without the lease cannot end it.
        colony.success("thief", &leases[2], b"1"),
        colony.failure("bee", &leases[3], OutcomeKind::FailedRetryable, "busy"),
    ];
    let answers = bee.end_batch(&results).await.unwrap();
    let refused: Vec<&str> = answers.iter().map(|answer| answer.reason.as_str()).collect();
    assert_eq!((refused[0], refused[1], refused[3]), ("", "", ""), "{answers:?}");
    assert!(!refused[2].is_empty() && !answers[2].message.is_empty());
    assert!(answers[3].retry_at_ms > 0 && answers[1].retry_at_ms == 0);
    let mut states = Vec::new();
    for lease in &leases[..3] {
        states.push(state_of(&reader, lease.process_id.parse().unwrap()).await);
    }
    assert_eq!(states, [ProcessState::Succeeded, ProcessState::DeadLetter, ProcessState::Running]);
    let again = bee.end_batch(&results[..2]).await.unwrap();
    assert!(again.iter().all(|answer| answer.existed && answer.reason.is_empty()), "{again:?}");
}

async fn an_empty_batch_and_one_too_big_are_refused(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let result = colony.success("bee", &colony.claim_one(&bee, "t").await, b"1");
    for batch in [vec![], vec![result; 1001]] {
        assert_eq!(bee.end_batch(&batch).await.unwrap_err().reason(), Some("INVALID"));
    }
}
