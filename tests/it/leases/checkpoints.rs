//! Checkpoints from one attempt to the next, with the SDK's executor at both ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_executor_sdk::{
    AttributeKind, CancellationToken, Client, ClientError, Executor, Failure, LogLevel, Output, Work,
};
use apiary_identity::{Backoff, Clock as _, Content, Envelope, Revocation, SystemClock};
use apiary_store::documents;
use apiary_tests::TestColony;
use apiary_tests::colony::state_of;
use apiary_tests::eventually;
use tokio::task::JoinHandle;
use uuid::Uuid;

on_each_store!(
    a_checkpoint_survives_the_crash_of_the_bee,
    a_failed_attempt_leaves_its_last_checkpoint_to_the_next,
    a_forged_checkpoint_is_refused_and_the_handler_never_sees_it,
    a_removed_bees_checkpoint_is_not_handed_out,
    all_that_a_handler_says_is_there_before_its_result,
    what_a_command_prints_is_logged
);

/// Builds a spec with short back-off.
async fn submit(user: &Client) -> Uuid {
    let mut spec = user.spec("t", "f");
    spec.max_retries = 3;
    spec.backoff = Backoff { first_ms: 1, most_ms: 1, ..Backoff::default() };
    user.submit(&spec).await.unwrap().process_id
}

/// A running executor; aborting it is a crash.
fn run<H, F>(bee: Client, handler: H) -> (JoinHandle<Result<(), ClientError>>, CancellationToken)
where
    H: Fn(Work) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Output, Failure>> + Send + 'static,
{
    let stop = CancellationToken::new();
    let executor = Executor::builder(bee).executor_type("t").lease(Duration::from_secs(1)).handle("f", handler);
    (tokio::spawn(executor.build().unwrap().run(stop.clone())), stop)
}

async fn finished(reader: &Client, id: Uuid) -> v1::GetProcessResponse {
    eventually("the process is finished", async || {
        let seen = reader.get_process(id).await.unwrap();
        let state = seen.process.as_ref().unwrap().state();
        let done = !matches!(state, ProcessState::Waiting | ProcessState::Blocked | ProcessState::Running);
        done.then_some(seen)
    })
    .await
}

async fn a_checkpoint_survives_the_crash_of_the_bee(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let (first, second) = (colony.executor("first", "t").await, colony.executor("second", "t").await);
    let id = submit(&user).await;
    let (crashing, _) = run(first, |work| async move {
        assert!(work.checkpoint().is_none());
        work.checkpoint_with(7)?;
        work.report(10.0, "seven are done");
        std::future::pending().await
    });
    eventually("the report is kept", async || {
        let seen = reader.get_process(id).await.unwrap().process.unwrap();
        (seen.progress == "seven are done" && seen.percent == 10.0).then_some(())
    })
    .await;
    crashing.abort();
    let (_running, stop) = run(second, |work| async move {
        let done: Option<i64> = work.checkpoint_json()?;
        Ok(Output::bytes(format!("{}:{done:?}", work.attempt())))
    });
    let seen = finished(&reader, id).await;
    stop.cancel();
    let result = seen.attempts.last().unwrap().result.clone().unwrap();
    let outcome: apiary_identity::Outcome =
        apiary_executor_sdk::wire::envelope_from_proto(&result).unwrap().open().unwrap();
    assert_eq!(outcome.output().to_bytes().unwrap(), "2:Some(7)");
}

async fn a_failed_attempt_leaves_its_last_checkpoint_to_the_next(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = submit(&user).await;
    let (_running, stop) = run(bee, |work| async move {
        let done: i64 = work.checkpoint_json()?.unwrap_or_default();
        if done == 3 {
            return Ok(Output::bytes("3"));
        }
        // Two at once, with an output of the largest size beside them: the last checkpoint counts.
        work.set_output(Output::bytes(vec![0xff; 1024 * 1024]))?;
        work.checkpoint_with(Output::bytes(vec![0xff; 1024 * 1024]))?;
        work.checkpoint_with(done + 1)?;
        Err::<Output, _>(Failure::retryable("again"))
    });
    let seen = finished(&reader, id).await;
    stop.cancel();
    assert_eq!(seen.process.unwrap().attempt, 4);
}

async fn a_forged_checkpoint_is_refused_and_the_handler_never_sees_it(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = submit(&user).await;
    let lease = colony.claim_one(&bee, "t").await;
    let progress = colony.progress(&lease, 1).with_checkpoint(Content::from_bytes(b"7"));
    bee.report(&Envelope::seal(&colony.key_of("bee"), &progress).unwrap()).await.unwrap();
    bee.release(id, lease.attempt).await.unwrap();
    // An attacker in the database wants the work to continue from another checkpoint.
    let forged = colony.progress(&lease, 2).with_checkpoint(Content::from_bytes(b"8"));
    let payload = Envelope::seal(&colony.key_of("ada"), &forged).unwrap().payload;
    let stored = colony.backend.literal(&documents::pack(&payload));
    colony.backend.execute(&format!("UPDATE progress SET checkpoint_payload = {stored}")).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (_running, stop) = run(bee, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Output::none()) }
    });
    let seen = finished(&reader, id).await;
    stop.cancel();
    assert_eq!(seen.process.unwrap().state(), ProcessState::DeadLetter);
    let last = seen.attempts.last().unwrap();
    assert_eq!(last.outcome, "refused");
    assert!(last.reason.contains("checkpoint"), "{}", last.reason);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

async fn a_removed_bees_checkpoint_is_not_handed_out(colony: TestColony) {
    let user = colony.user("ada").await;
    let (removed, bee) = (colony.executor("removed", "t").await, colony.executor("bee", "t").await);
    let id = submit(&user).await;
    let leave = async |client: &Client, name: &str, lease: &v1::Lease| {
        let progress = colony.progress(lease, 1).with_checkpoint(Content::from_bytes(name.as_bytes()));
        client.report(&Envelope::seal(&colony.key_of(name), &progress).unwrap()).await.unwrap();
    };
    leave(&removed, "removed", &colony.claim_one(&removed, "t").await).await;
    let revocation = Revocation {
        colony: colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(removed.id()),
        from: SystemClock.now(),
        reason: None,
    };
    user.revoke_grant(&Envelope::seal(&colony.key, &revocation).unwrap()).await.unwrap();
    let second = colony.claim_one(&bee, "t").await;
    assert_eq!((second.attempt, second.checkpoint.is_some(), second.checkpoint_grant.is_some()), (2, false, false));
    leave(&bee, "bee", &second).await;
    bee.release(id, second.attempt).await.unwrap();
    let third = colony.claim_one(&bee, "t").await;
    assert!(third.checkpoint.is_some() && third.checkpoint_grant.is_some(), "others' are");
}

async fn all_that_a_handler_says_is_there_before_its_result(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = submit(&user).await;
    let (_running, stop) = run(bee, |work| async move {
        for number in 0..250 {
            work.log_with(LogLevel::Debug, &format!("step {number}"), serde_json::json!({ "number": number }));
        }
        work.set_attribute(AttributeKind::Out, "rows", "250")?;
        work.report(99.5, "nearly");
        Ok(Output::bytes("1"))
    });
    let seen = finished(&reader, id).await;
    stop.cancel();
    let process = seen.process.unwrap();
    assert_eq!(
        (process.state(), process.percent, process.progress.as_str()),
        (ProcessState::Succeeded, 99.5, "nearly")
    );
    assert_eq!((seen.attributes[0].key.as_str(), seen.attributes[0].value.as_str()), ("rows", "250"));
    let request = v1::ListLogsRequest { process_id: id.to_string(), page_size: 1000, ..Default::default() };
    let lines = reader.list_logs(request).await.unwrap().lines;
    let words: Vec<_> = lines.iter().map(|line| line.message.clone()).collect();
    assert_eq!(words, (0..250).map(|number| format!("step {number}")).collect::<Vec<_>>());
    assert_eq!(lines[249].fields, "{\"number\":249}");
}

async fn what_a_command_prints_is_logged(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let id = submit(&user).await;
    let (_running, stop) = run(bee, |work| async move {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; printf 'no end'; exit 3"]);
        let status = work.capture(&mut command).await.map_err(Failure::retryable)?;
        Ok(Output::bytes(status.code().unwrap_or_default().to_string()))
    });
    finished(&reader, id).await;
    stop.cancel();
    assert_eq!(state_of(&reader, id).await, ProcessState::Succeeded);
    let of = async |level: &str| {
        let request = v1::ListLogsRequest { process_id: id.to_string(), level: level.into(), ..Default::default() };
        let lines = reader.list_logs(request).await.unwrap().lines;
        lines.into_iter().map(|line| line.message).collect::<Vec<_>>()
    };
    assert_eq!(of("stdout").await, ["out", "no end"]);
    assert_eq!(of("stderr").await, ["err"]);
}
