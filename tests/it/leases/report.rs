//! `Report`: signed progress of a running attempt, by its lease's holder.

use apiary_executor_sdk::v1;
use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_identity::{Content, Document as _, Envelope, OutcomeKind, Progress, chain};
use apiary_tests::{TestColony, spoil};
use jiff::SignedDuration;

on_each_store!(
    output_is_visible_before_the_end_and_refused_before_and_after,
    an_older_report_changes_nothing_and_is_no_error,
    nobody_else_reports,
    an_older_attempt_is_fenced,
    what_could_not_be_verified_later_is_refused
);

fn signed(colony: &TestColony, name: &str, progress: &Progress) -> Envelope {
    Envelope::seal(&colony.key_of(name), progress).unwrap()
}

// Case 23.
async fn output_is_visible_before_the_end_and_refused_before_and_after(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let before = reader.get_process(id).await.unwrap();
    assert!(before.progress.is_none());
    assert_eq!(before.process.unwrap().percent, -1.0);
    let lease = colony.claim_one(&bee, "t").await;
    let mut progress = colony.progress(&lease, 1).with_message("half way").with_output(Content::from_bytes(b"[1,2]"));
    progress.percent = Some(50.0);
    bee.report(&signed(&colony, "bee", &progress)).await.unwrap();

    let seen = reader.get_process(id).await.unwrap();
    let process = seen.process.unwrap();
    assert_eq!((process.percent, process.progress.as_str()), (50.0, "half way"));
    // Readers can verify it: signed by an executor of this colony, about exactly these bytes.
    let kept = envelope_from_proto(&seen.progress.unwrap()).unwrap();
    let grant = envelope_from_proto(&seen.progress_grant.unwrap()).unwrap();
    let spec = envelope_from_proto(&seen.spec.unwrap()).unwrap();
    let read = chain::verify_progress(&colony.key.id(), &grant, &spec, lease.attempt + 1, &kept).unwrap();
    assert_eq!(read.output().unwrap().to_bytes().unwrap(), "[1,2]");

    bee.release(id, lease.attempt).await.unwrap();
    let late = bee.report(&signed(&colony, "bee", &colony.progress(&lease, 2))).await.unwrap_err();
    assert_eq!(late.reason(), Some("LEASE_LOST"), "it waits");
    let second = colony.claim_one(&bee, "t").await;
    bee.fail(&colony.failure("bee", &second, OutcomeKind::FailedFinal, "no")).await.unwrap();
    let late = bee.report(&signed(&colony, "bee", &colony.progress(&second, 1))).await.unwrap_err();
    assert_eq!(late.reason(), Some("LEASE_LOST"), "it is finished");
    assert_eq!(reader.get_process(id).await.unwrap().process.unwrap().progress, "half way");
}

async fn an_older_report_changes_nothing_and_is_no_error(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    for (number, words) in [(2, "second"), (1, "first"), (2, "another second")] {
        let progress = colony.progress(&lease, number).with_message(words);
        bee.report(&signed(&colony, "bee", &progress)).await.unwrap();
    }
    assert_eq!(reader.get_process(id).await.unwrap().process.unwrap().progress, "second");
}

async fn nobody_else_reports(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let thief = colony.executor("thief", "t").await;
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let progress = colony.progress(&lease, 1);
    assert_eq!(thief.report(&signed(&colony, "thief", &progress)).await.unwrap_err().reason(), Some("LEASE_LOST"));
    assert_eq!(user.report(&signed(&colony, "ada", &progress)).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let mut forged = signed(&colony, "bee", &progress);
    spoil(&mut forged);
    assert_eq!(bee.report(&forged).await.unwrap_err().reason(), Some("SIGNATURE_INVALID"));
    assert!(reader.get_process(id).await.unwrap().progress.is_none());
}

async fn an_older_attempt_is_fenced(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let first = colony.claim_one(&bee, "t").await;
    bee.release(id, first.attempt).await.unwrap();
    let second = colony.claim_one(&bee, "t").await;
    let late = colony.progress(&first, 9).with_checkpoint(Content::from_bytes(b"9"));
    let refused = bee.report(&signed(&colony, "bee", &late)).await.unwrap_err();
    assert_eq!(refused.reason(), Some("LEASE_LOST"), "the same executor, but an attempt too old");
    bee.report(&signed(&colony, "bee", &colony.progress(&second, 1).with_message("second"))).await.unwrap();
    assert_eq!(reader.get_process(id).await.unwrap().process.unwrap().progress, "second");
}

async fn what_could_not_be_verified_later_is_refused(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    user.submit_json("t", "f", &()).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    // Made from other bytes.
    let mut progress = colony.progress(&lease, 1);
    progress.spec_digest = apiary_identity::Digest([7; 32]);
    let refused = bee.report(&signed(&colony, "bee", &progress)).await.unwrap_err();
    assert_eq!(refused.reason(), Some("INVALID"));
    // At a time for which the executor has no grant.
    let mut progress = colony.progress(&lease, 1);
    progress.at = progress.at.checked_add(SignedDuration::from_hours(100 * 24)).unwrap();
    let refused = bee.report(&signed(&colony, "bee", &progress)).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_PERMITTED"));
    assert!(refused.to_string().contains("clock"), "{refused}");
    // A document of another kind.
    let result = colony.success("bee", &lease, b"1");
    assert_eq!(bee.report(&result).await.unwrap_err().reason(), Some("INVALID"));
    let none = v1::ReportRequest { progress: None };
    let mut wire = v1::lease_service_client::LeaseServiceClient::new(colony.channel().await);
    assert_eq!(wire.report(none).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert_eq!(Progress::PAYLOAD_TYPE, "application/vnd.apiary.progress.v1+json");
}
