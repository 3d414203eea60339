//! Damaged and missing objects are found, and never come back.

use std::time::Duration;

use apiary_bees::archive::ArchiveError;
use apiary_executor_sdk::CancellationToken;
use apiary_tests::TestColony;

use crate::scene::{Scene, archive_all, files};

on_each_store!(a_changed_byte_is_named_and_nothing_of_it_comes_back, a_missing_object_is_named);

async fn a_changed_byte_is_named_and_nothing_of_it_comes_back(colony: TestColony) {
    let mut scene = Scene::new(colony, 3).await;
    archive_all(&scene.archive()).await.unwrap();
    scene.leave().await;
    let object =
        files(scene.folder.path()).into_iter().find(|path| path.extension().is_some_and(|end| end == "zst")).unwrap();
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.is_good, checked.faults), (false, 1));
    assert!(checked.named[0].contains("other bytes"), "{checked:?}");
    let refused = scene.archive().restore_process(scene.ids[0], Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged(_)), "{refused}");
    assert_eq!(scene.there().await, 0);
}

async fn a_missing_object_is_named(colony: TestColony) {
    let scene = Scene::new(colony, 3).await;
    archive_all(&scene.archive()).await.unwrap();
    for path in files(scene.folder.path()) {
        std::fs::remove_file(path).unwrap();
    }
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.is_good, checked.faults), (false, 2), "the object and its manifest");
}
