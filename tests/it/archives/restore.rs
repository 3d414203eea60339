//! `Restore`: a process comes back as it was, finished, and nothing else enters.

use std::time::Duration;

use apiary_executor_sdk::v1;
use apiary_tests::TestColony;
use apiary_tests::colony::claim;
use uuid::Uuid;

use super::scene::{Scene, id_of};

on_each_store!(what_left_comes_back_byte_for_byte, what_is_there_stays_as_it_is, what_is_not_signed_does_not_enter);

/// Time for which a restored process stays.
const KEEP: Duration = Duration::from_secs(3600);

async fn what_left_comes_back_byte_for_byte(colony: TestColony) {
    let mut scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    scene.archive(&all).await;
    scene.retain(Duration::from_secs(1)).await;
    for process in &all {
        scene.gone(id_of(process)).await;
    }
    assert_eq!(scene.operator.restore(all.clone(), KEEP).await.unwrap(), 3);
    assert_eq!(scene.operator.restore(all.clone(), KEEP).await.unwrap(), 0, "a repetition changes nothing");
    for process in &all {
        let shown = scene.operator.get_process(id_of(process)).await.unwrap();
        assert_eq!(
            (&shown.process, &shown.spec, &shown.attempts),
            (&process.process, &process.spec, &process.attempts)
        );
        assert_eq!(shown.attributes, process.attributes);
        assert_eq!(shown.progress, process.progress.as_ref().and_then(|last| last.document.clone()));
        let request = v1::ListLogsRequest { process_id: id_of(process).to_string(), ..Default::default() };
        assert_eq!(scene.operator.list_logs(request).await.unwrap().lines, process.logs);
    }
    let executor = scene.colony.executor("another", "t").await;
    assert!(claim(&executor, "t", 10, Duration::ZERO).await.is_empty(), "nothing of it runs");
    // It is past its retention, and stays all the same.
    assert_eq!(scene.operator.enforce_retention().await.unwrap().deleted, 0);
    assert!(scene.operator.get_process(scene.succeeded).await.is_ok());
}

async fn what_is_there_stays_as_it_is(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    assert_eq!(scene.operator.restore(all.clone(), KEEP).await.unwrap(), 0);
    assert_eq!(scene.unarchived().await, all);
}

async fn what_is_not_signed_does_not_enter(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let whole = scene.unarchived().await.remove(0);
    scene.colony.client(&scene.colony.key).delete(scene.succeeded).await.unwrap();
    let refused = async |change: &dyn Fn(&mut v1::FinishedProcess)| {
        let mut changed = whole.clone();
        change(&mut changed);
        scene.operator.restore(vec![changed], KEEP).await.unwrap_err().reason().unwrap().to_owned()
    };
    let flip = |envelope: &mut Option<v1::Envelope>| {
        let envelope = envelope.as_mut().unwrap();
        let mut bytes = envelope.payload.to_vec();
        bytes[40] ^= 1;
        envelope.payload = bytes.into();
    };
    assert_eq!(refused(&|process| flip(&mut process.spec)).await, "INVALID");
    assert_eq!(refused(&|process| flip(&mut process.submitter_grant)).await, "INVALID");
    assert_eq!(refused(&|process| flip(&mut process.attempts[1].result)).await, "INVALID");
    assert_eq!(refused(&|process| flip(&mut process.progress.as_mut().unwrap().document)).await, "INVALID");
    assert_eq!(refused(&|process| drop(process.attempts.pop())).await, "INVALID");
    assert_eq!(refused(&|process| process.attempts[1].result = None).await, "INVALID");
    let shown = |process: &mut v1::FinishedProcess, state: v1::ProcessState| {
        process.process.as_mut().unwrap().state = state.into()
    };
    assert_eq!(refused(&|process| shown(process, v1::ProcessState::Waiting)).await, "INVALID");
    assert_eq!(refused(&|process| shown(process, v1::ProcessState::Failed)).await, "INVALID");
    let another =
        |process: &mut v1::FinishedProcess| process.process.as_mut().unwrap().process_id = Uuid::now_v7().to_string();
    assert_eq!(refused(&another).await, "INVALID");
    assert_eq!(refused(&|process| process.logs[0].attempt = 7).await, "INVALID");
    assert_eq!(scene.operator.get_process(scene.succeeded).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(scene.operator.restore(vec![whole.clone()], KEEP).await.unwrap(), 1);
}
