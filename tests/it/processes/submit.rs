//! `Submit`: the spec is its own authentication, and a repeat changes nothing.

use std::time::Duration;

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::{Clock as _, Content, Envelope, Role, SystemClock};
use apiary_tests::TestColony;
use apiary_tests::colony::{claim, state_of};
use jiff::SignedDuration;
use uuid::Uuid;

on_each_store!(
    args_arrive_byte_for_byte,
    the_same_spec_again_returns_the_first_process,
    another_spec_under_a_taken_id_is_refused,
    an_idempotency_key_returns_the_first_process,
    a_hundred_equal_submits_at_once_make_one_process,
    a_spec_past_its_submit_by_is_refused,
    a_spec_from_the_future_is_refused,
    not_before_blocks_until_its_time,
    scopes_are_held_to,
    an_executor_may_submit_within_its_scopes,
    out_of_bounds_fields_are_refused_by_name
);

async fn args_arrive_byte_for_byte(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let every_byte: Vec<u8> = (0..=255).collect();
    for args in
        [b" {\"a\": 1.0,  \"a\":\t2}\n".as_slice(), b"null", b"1e400", b"", &every_byte, "\"ü\u{10ffff}\"".as_bytes()]
    {
        let spec = user.spec("t", "f").with_args(Content::from_bytes(args));
        user.submit(&spec).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        let envelope = apiary_executor_sdk::wire::envelope_from_proto(&lease.spec.clone().unwrap()).unwrap();
        let arrived: apiary_identity::Spec = envelope.open().unwrap();
        assert_eq!(arrived.args().to_bytes().unwrap(), args);
    }
}

// Case X1.
async fn the_same_spec_again_returns_the_first_process(colony: TestColony) {
    let user = colony.user("ada").await;
    let spec = user.spec("t", "f");
    let first = user.submit(&spec).await.unwrap();
    let again = user.submit(&spec).await.unwrap();
    assert_eq!((first.existed, again.existed), (false, true));
    assert_eq!((first.process_id, again.process_id), (spec.process_id, spec.process_id));
    let bee = colony.executor("bee", "t").await;
    assert_eq!(claim(&bee, "t", 10, Duration::ZERO).await.len(), 1);
    assert_eq!(user.submit(&spec).await.unwrap().state, ProcessState::Running);
}

async fn another_spec_under_a_taken_id_is_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let spec = user.spec("t", "f");
    user.submit(&spec).await.unwrap();
    let mut other = spec.clone();
    other.priority = 1;
    assert_eq!(user.submit(&other).await.unwrap_err().reason(), Some("TAKEN"));
    // Also when another key signs the same bytes: the signer is part of the submission.
    let eve = colony.user("eve").await;
    assert_eq!(eve.submit(&spec).await.unwrap_err().reason(), Some("TAKEN"));
}

async fn an_idempotency_key_returns_the_first_process(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let keyed = |function: &str, key: &str| {
        let mut spec = user.spec("t", function);
        spec.idempotency_key = Some(key.into());
        spec
    };
    let first = user.submit(&keyed("f", "k")).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    let again = user.submit(&keyed("f", "k")).await.unwrap();
    assert_eq!((again.process_id, again.existed, again.state), (first.process_id, true, ProcessState::Succeeded));
    for other in [keyed("f", "k2"), keyed("g", "k")] {
        assert!(!user.submit(&other).await.unwrap().existed, "the key is the function's own");
    }
}

async fn a_hundred_equal_submits_at_once_make_one_process(colony: TestColony) {
    let user = colony.user("ada").await;
    let submits = (0..100).map(|_| {
        let mut spec = user.spec("t", "f");
        spec.idempotency_key = Some("once".into());
        let user = user.clone();
        async move { user.submit(&spec).await.unwrap() }
    });
    let answers = futures::future::join_all(submits).await;
    let ids: std::collections::HashSet<Uuid> = answers.iter().map(|answer| answer.process_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|answer| !answer.existed).count(), 1);
    let bee = colony.executor("bee", "t").await;
    assert_eq!(claim(&bee, "t", 100, Duration::ZERO).await.len(), 1);
}

async fn a_spec_past_its_submit_by_is_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let mut spec =
        apiary_identity::Spec::new(colony.key.id(), "t", "f", SystemClock.now() - SignedDuration::from_secs(60));
    spec.submit_by = SystemClock.now() - SignedDuration::from_secs(1);
    assert_eq!(user.submit(&spec).await.unwrap_err().reason(), Some("SUBMIT_BY_OVER"));
}

async fn a_spec_from_the_future_is_refused(colony: TestColony) {
    let user = colony.user("ada").await;
    let soon = SystemClock.now() + SignedDuration::from_hours(1);
    let spec = apiary_identity::Spec::new(colony.key.id(), "t", "f", soon);
    let refused = user.submit(&spec).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    assert!(refused.to_string().contains("clock"), "{refused}");
}

async fn not_before_blocks_until_its_time(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    let ready = SystemClock.now() + SignedDuration::from_millis(1500);
    spec.not_before = Some(ready);
    assert_eq!(user.submit(&spec).await.unwrap().state, ProcessState::Blocked);
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    assert_eq!(state_of(&reader, spec.process_id).await, ProcessState::Blocked);
    let lease = colony.claim_one(&bee, "t").await;
    assert_eq!(lease.process_id, spec.process_id.to_string());
    // By the broker's clock, which over Postgres is the database's and may be some milliseconds ahead of the test's.
    let attempts = reader.get_process(spec.process_id).await.unwrap().attempts;
    assert!(attempts[0].claimed_at_ms >= ready.as_millisecond(), "{attempts:?}");
}

async fn scopes_are_held_to(colony: TestColony) {
    let adapter = colony.grant("adapter", Role::User, &["stripe.event"], &["finance"], &[]).await;
    assert!(adapter.submit_json("finance", "stripe.event", &()).await.is_ok());
    for (executor_type, function) in [("finance", "stripe.refund"), ("security", "stripe.event"), ("t", "f")] {
        let refused = adapter.submit_json(executor_type, function, &()).await.unwrap_err();
        assert_eq!(refused.reason(), Some("NOT_PERMITTED"), "{executor_type} {function}");
    }
    let nothing = adapter.list_processes(Default::default()).await.unwrap_err();
    assert_eq!(nothing.reason(), Some("NOT_PERMITTED"), "a submitter reads nothing");
}

async fn an_executor_may_submit_within_its_scopes(colony: TestColony) {
    let bee = colony.executor("bee", "t").await;
    assert!(bee.submit_json("t", "child", &()).await.is_ok());
    assert_eq!(bee.submit_json("u", "child", &()).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
}

/// Signs documents that the SDK would refuse to sign, so that the broker must refuse them.
// Case 8.
async fn out_of_bounds_fields_are_refused_by_name(colony: TestColony) {
    let user = colony.user("ada").await;
    let good = serde_json::to_value(user.spec("t", "f")).unwrap();
    let table = [
        ("priority", serde_json::json!(50_001)),
        ("priority", serde_json::json!(-50_001)),
        ("priority", serde_json::json!(50_100)),
        ("priority", serde_json::json!(-50_100)),
        ("max_retries", serde_json::json!(-2)),
        ("max_wait_ms", serde_json::json!(-1)),
        ("function", serde_json::json!("")),
        ("executor_type", serde_json::json!("a b")),
        ("labels", serde_json::json!({ "k": "\u{0}" })),
        ("process_id", serde_json::json!(Uuid::new_v4())),
        ("submit_by", serde_json::json!("2099-01-01T00:00:00Z")),
        ("backoff", serde_json::json!({ "factor": 0.5 })),
        ("surprise", serde_json::json!(1)),
    ];
    for (field, value) in table {
        let mut spec = good.clone();
        spec[field] = value;
        let envelope = Envelope::sign(
            &colony.key_of("ada"),
            <apiary_identity::Spec as apiary_identity::Document>::PAYLOAD_TYPE,
            spec.to_string().into_bytes().into(),
        );
        let refused = user.submit_envelope(&envelope).await.unwrap_err();
        assert_eq!(refused.reason(), Some("INVALID"), "{field}: {refused}");
        assert!(refused.to_string().contains(field), "{field}: {refused}");
    }
}
