//! `ListUnarchived`: finished processes whole, in the order of their ends.

use apiary_executor_sdk::v1;
use apiary_identity::{Clock as _, Envelope, Revocation, SystemClock};
use apiary_tests::TestColony;
use uuid::Uuid;

use super::scene::{Scene, ended, id_of};

on_each_store!(
    a_finished_process_is_given_whole,
    pages_go_on_where_the_last_one_ended,
    a_revoked_grant_brings_its_revocation
);

async fn a_finished_process_is_given_whole(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    assert_eq!(all.iter().map(id_of).collect::<Vec<_>>(), [scene.succeeded, scene.dead, scene.cancelled]);
    assert!(all.is_sorted_by_key(ended));
    let whole = &all[0];
    let shown = scene.operator.get_process(scene.succeeded).await.unwrap();
    assert_eq!(
        (&whole.process, &whole.spec, &whole.submitter_grant),
        (&shown.process, &shown.spec, &shown.submitter_grant)
    );
    assert_eq!((&whole.attempts, &whole.attributes), (&shown.attempts, &shown.attributes));
    assert_eq!(whole.attempts.len(), 2);
    let progress = whole.progress.as_ref().unwrap();
    assert_eq!((&progress.document, progress.percent, progress.attempt), (&shown.progress, Some(100.0 / 3.0), 2));
    let request = v1::ListLogsRequest { process_id: scene.succeeded.to_string(), ..Default::default() };
    assert_eq!(whole.logs, scene.operator.list_logs(request).await.unwrap().lines);
    assert_eq!(whole.logs.len(), 2);
    assert_eq!(all[2].process.as_ref().unwrap().ended_by, "grace");
    assert!(all[2].attempts.is_empty() && all[2].progress.is_none());
}

async fn pages_go_on_where_the_last_one_ended(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let until_ms = SystemClock.now_ms() + 60_000;
    let mut request = v1::ListUnarchivedRequest { until_ms, page_size: 1, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = scene.operator.list_unarchived(request.clone()).await.unwrap();
        found.extend(page.processes.iter().map(id_of));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(found, [scene.succeeded, scene.dead, scene.cancelled]);
    let early = v1::ListUnarchivedRequest { until_ms: 1, ..Default::default() };
    assert!(scene.operator.list_unarchived(early).await.unwrap().processes.is_empty());
    let odd = v1::ListUnarchivedRequest { page_token: "7".to_owned(), ..Default::default() };
    assert_eq!(scene.operator.list_unarchived(odd).await.unwrap_err().reason(), Some("INVALID"));
}

async fn a_revoked_grant_brings_its_revocation(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let revocation = Revocation {
        colony: scene.colony.key.id(),
        revocation_id: Uuid::new_v4(),
        grant_id: None,
        key: Some(scene.colony.key_of("bee").id()),
        from: SystemClock.now(),
        reason: None,
    };
    let envelope = Envelope::seal(&scene.colony.key, &revocation).unwrap();
    scene.colony.client(&scene.colony.key).revoke_grant(&envelope).await.unwrap();
    let all = scene.unarchived().await;
    assert_eq!(all[0].revocations.len(), 1);
    assert_eq!(all[0].revocations[0].payload, envelope.payload);
    assert!(all[2].revocations.is_empty(), "the bee had no part in it");
}
