//! `StartArchive`: from then on retention deletes only what is archived.

use std::time::Duration;

use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::{TestColony, eventually};

use super::scene::{Scene, ended};

on_each_store!(an_archive_begins_once_and_keeps_what_is_not_in_it, only_who_may_archive_does);

async fn an_archive_begins_once_and_keeps_what_is_not_in_it(colony: TestColony) {
    let mut scene = Scene::new(colony).await;
    for _ in 0..2 {
        let end = scene.operator.start_archive().await.unwrap();
        assert_eq!((end.next_number, end.last_digest.as_str(), end.from_ms), (1, "", 0));
    }
    scene.retain(Duration::from_secs(1)).await;
    let last_ms = scene.unarchived().await.iter().map(ended).max().unwrap();
    eventually("everything is past its retention", async || SystemClock.now_ms() > last_ms + 1000).await;
    assert_eq!(scene.operator.enforce_retention().await.unwrap().deleted, 0);
    assert_eq!(scene.unarchived().await.len(), 3);
}

async fn only_who_may_archive_does(colony: TestColony) {
    let (reader, operator) = (colony.reader().await, colony.operator("grace").await);
    for client in [reader, operator, colony.executor("bee", "t").await] {
        assert_eq!(client.start_archive().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
        assert_eq!(client.enforce_retention().await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    }
    let owner = colony.client(&colony.key);
    assert_eq!(owner.start_archive().await.unwrap().next_number, 1);
}
