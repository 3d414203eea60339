//! The whole way of a process: finished, archived, verified, deleted, and back.

use std::time::Duration;

use apiary_bees::archive::read_process;
use apiary_executor_sdk::CancellationToken;
use apiary_tests::TestColony;

use crate::scene::{Scene, archive_all, files};

on_each_store!(
    what_is_archived_is_verified_leaves_and_comes_back,
    one_process_comes_back_alone,
    nothing_is_archived_twice,
);

const KEEP: Duration = Duration::from_secs(3600);

async fn what_is_archived_is_verified_leaves_and_comes_back(colony: TestColony) {
    let mut scene = Scene::new(colony, 10).await;
    let before = scene.shown().await;
    let report = archive_all(&scene.archive()).await.unwrap();
    assert_eq!((report.objects, report.adopted, report.processes, report.recorded), (1, 0, 10, 10));
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.objects, checked.processes, checked.is_good, checked.unarchived), (1, 10, true, 0));
    assert!(checked.unrecorded.is_empty(), "{checked:?}");
    scene.leave().await;
    // From the storage alone, with its own access.
    let storage = scene.storage();
    for (id, shown) in scene.ids.iter().zip(&before) {
        let place = scene.client.find_archive(*id).await.unwrap();
        let line = read_process(&*storage, &scene.colony.key.id(), *id, &place).await.unwrap();
        line.verify(&scene.colony.key.id()).unwrap();
        assert_eq!(&line.to_answer().unwrap(), shown);
    }
    let object = scene.client.find_archive(scene.ids[0]).await.unwrap().object;
    let archive = scene.archive();
    let restored = archive.restore_object(&object, KEEP, &CancellationToken::new()).await.unwrap();
    assert_eq!((restored.restored, restored.there), (10, 0));
    let again = archive.restore_object(&object, KEEP, &CancellationToken::new()).await.unwrap();
    assert_eq!((again.restored, again.there), (0, 10));
    assert_eq!(scene.shown().await, before);
    assert_eq!(archive_all(&archive).await.unwrap().processes, 0, "what came back is archived");
}

async fn one_process_comes_back_alone(colony: TestColony) {
    let mut scene = Scene::new(colony, 3).await;
    let before = scene.shown().await;
    archive_all(&scene.archive()).await.unwrap();
    scene.leave().await;
    let restored = scene.archive().restore_process(scene.ids[1], KEEP).await.unwrap();
    assert_eq!((restored.restored, restored.there), (1, 0));
    assert_eq!(scene.there().await, 1);
    assert_eq!(scene.client.get_process(scene.ids[1]).await.unwrap(), before[1]);
}

async fn nothing_is_archived_twice(colony: TestColony) {
    let mut scene = Scene::new(colony, 3).await;
    archive_all(&scene.archive()).await.unwrap();
    assert_eq!(archive_all(&scene.archive()).await.unwrap().objects, 0);
    scene.finish(2).await;
    let second = archive_all(&scene.archive()).await.unwrap();
    assert_eq!((second.objects, second.processes, second.recorded), (1, 2, 2));
    assert_eq!(files(scene.folder.path()).len(), 4, "two objects, each with its manifest");
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.objects, checked.processes, checked.is_good), (2, 5, true));
}
