//! `GetProcess`: everything needed to check a chain.

use apiary_executor_sdk::{v1, wire};
use apiary_identity::{OutcomeKind, chain};
use apiary_tests::TestColony;
use uuid::Uuid;

on_each_store!(it_returns_a_chain_that_verifies, every_attempt_is_kept, an_unknown_process_is_not_found);

async fn it_returns_a_chain_that_verifies(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let submitted = user.submit_json("t", "f", &[1, 2]).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"[3]")).await.unwrap();

    let process = reader.get_process(submitted.process_id).await.unwrap();
    let open = |envelope: &Option<v1::Envelope>| wire::envelope_from_proto(envelope.as_ref().unwrap()).unwrap();
    let (spec, grant) = (open(&process.spec), open(&process.submitter_grant));
    let verified = chain::verify_spec(&colony.key.id(), &grant, &spec).unwrap();
    assert_eq!(verified.grant.name, "ada");
    assert_eq!(verified.spec.args().to_bytes().unwrap(), b"[1,2]".as_slice());

    let attempt = &process.attempts[0];
    let (by, result) = (open(&attempt.executor_grant), open(&attempt.result));
    let outcome = chain::verify_result(&colony.key.id(), &by, &spec, 1, &result).unwrap();
    assert_eq!(outcome.output().to_bytes().unwrap(), b"[3]".as_slice());
    let summary = process.process.unwrap();
    assert_eq!((summary.submitter.as_str(), summary.executor.as_str()), ("ada", "bee"));
}

async fn every_attempt_is_kept(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.backoff.first_ms = 1;
    user.submit(&spec).await.unwrap();
    let first = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &first, OutcomeKind::FailedRetryable, "try later")).await.unwrap();
    let second = colony.claim_one(&bee, "t").await;
    bee.release(spec.process_id, second.attempt).await.unwrap();
    let third = colony.claim_one(&bee, "t").await;
    assert_eq!((first.attempt, second.attempt, third.attempt), (1, 2, 3));

    let attempts = reader.get_process(spec.process_id).await.unwrap().attempts;
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "released", "running"]);
    assert_eq!(attempts[0].reason, "try later");
    assert!(attempts.iter().all(|attempt| attempt.executor == "bee"));
}

async fn an_unknown_process_is_not_found(colony: TestColony) {
    let refused = colony.reader().await.get_process(Uuid::now_v7()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_FOUND"));
}
