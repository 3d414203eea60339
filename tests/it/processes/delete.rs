//! `Delete`, and retention, which deletes automatically.

use std::time::Duration;

use apiary_executor_sdk::v1::{self, ProcessState};
use apiary_identity::{Envelope, OutcomeKind};
use apiary_tests::colony::{claim, state_of};
use apiary_tests::{TestColony, eventually};
use uuid::Uuid;

on_each_store!(
    a_running_process_cannot_be_deleted_and_a_finished_one_can,
    the_same_spec_again_does_not_run_again,
    a_watch_ends_with_its_process,
    only_the_colonys_own_key_deletes,
    finished_processes_are_kept_as_long_as_the_settings_say
);

// Case 29.
async fn a_running_process_cannot_be_deleted_and_a_finished_one_can(colony: TestColony) {
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let owner = colony.client(&colony.key);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let lease = colony.claim_one(&bee, "t").await;
    let refused = owner.delete(id).await.unwrap_err();
    assert!(refused.reason() == Some("STATE_CONFLICT") && refused.to_string().contains("`running`"), "{refused}");
    assert_eq!(state_of(&reader, id).await, ProcessState::Running);
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    owner.delete(id).await.unwrap();
    assert_eq!(reader.get_process(id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(owner.delete(id).await.unwrap_err().reason(), Some("NOT_FOUND"));
    let waiting = user.submit_json("t", "f", &()).await.unwrap().process_id;
    owner.delete(waiting).await.unwrap();
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    assert!(reader.list_processes(v1::ListProcessesRequest::default()).await.unwrap().processes.is_empty());
}

async fn the_same_spec_again_does_not_run_again(colony: TestColony) {
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    let mut spec = user.spec("t", "f");
    spec.idempotency_key = Some("k".to_owned());
    let envelope = Envelope::seal(&colony.key_of("ada"), &spec).unwrap();
    user.submit_envelope(&envelope).await.unwrap();
    let lease = colony.claim_one(&bee, "t").await;
    bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap();
    colony.client(&colony.key).delete(spec.process_id).await.unwrap();
    let again = user.submit_envelope(&envelope).await.unwrap();
    assert!(again.existed);
    assert_eq!((again.process_id, again.state), (spec.process_id, ProcessState::Succeeded));
    assert!(claim(&bee, "t", 1, Duration::ZERO).await.is_empty());
    spec.priority = 1;
    assert_eq!(user.submit(&spec).await.unwrap_err().reason(), Some("TAKEN"));
    spec.process_id = Uuid::now_v7();
    assert!(!user.submit(&spec).await.unwrap().existed, "its idempotency key is free");
}

async fn a_watch_ends_with_its_process(colony: TestColony) {
    let (user, reader) = (colony.user("ada").await, colony.reader().await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    let request = v1::WatchRequest { process_id: id.to_string(), ..Default::default() };
    let mut watch = reader.watch(request).await.unwrap();
    assert!(watch.next().await.unwrap().is_ok());
    colony.client(&colony.key).delete(id).await.unwrap();
    let ended = watch.next().await.unwrap().unwrap_err();
    assert_eq!(ended.reason(), Some("NOT_FOUND"));
}

async fn only_the_colonys_own_key_deletes(colony: TestColony) {
    let (user, ops, bee) = (colony.user("ada").await, colony.operator("ops").await, colony.executor("bee", "t").await);
    let id = user.submit_json("t", "f", &()).await.unwrap().process_id;
    for nobody in [&user, &ops, &bee] {
        assert_eq!(nobody.delete(id).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    assert_eq!(state_of(&ops, id).await, ProcessState::Waiting);
}

async fn finished_processes_are_kept_as_long_as_the_settings_say(mut colony: TestColony) {
    colony.retention.succeeded = Some(Duration::from_secs(1));
    colony.stop().await;
    colony.start_again().await;
    let (user, reader, bee) = (colony.user("ada").await, colony.reader().await, colony.executor("bee", "t").await);
    let finish = async |kind: OutcomeKind, key: Option<&str>| {
        let mut spec = user.spec("t", "f");
        spec.idempotency_key = key.map(str::to_owned);
        user.submit(&spec).await.unwrap();
        let lease = colony.claim_one(&bee, "t").await;
        match kind {
            OutcomeKind::Succeeded => drop(bee.complete(&colony.success("bee", &lease, b"1")).await.unwrap()),
            kind => drop(bee.fail(&colony.failure("bee", &lease, kind, "no")).await.unwrap()),
        }
        spec.process_id
    };
    let kept = [
        finish(OutcomeKind::Succeeded, Some("a key that is remembered")).await,
        finish(OutcomeKind::FailedFinal, None).await,
        finish(OutcomeKind::Refused, None).await,
    ];
    let gone = finish(OutcomeKind::Succeeded, None).await;
    let waiting = user.submit_json("t", "f", &()).await.unwrap().process_id;
    eventually("the success is gone", async || {
        reader.get_process(gone).await.is_err_and(|error| error.reason() == Some("NOT_FOUND")).then_some(())
    })
    .await;
    for id in kept {
        assert!(reader.get_process(id).await.is_ok());
    }
    assert_eq!(state_of(&reader, waiting).await, ProcessState::Waiting);
}
