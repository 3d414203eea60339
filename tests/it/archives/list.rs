//! `ListArchives`: every object, oldest first.

use apiary_tests::TestColony;

use super::scene::Scene;

on_each_store!(objects_are_listed_in_their_order);

async fn objects_are_listed_in_their_order(colony: TestColony) {
    let scene = Scene::new(colony).await;
    assert!(scene.operator.list_archives(0, 0).await.unwrap().archives.is_empty());
    for process in scene.unarchived().await {
        scene.archive(&[process]).await;
    }
    let first = scene.operator.list_archives(0, 2).await.unwrap();
    assert_eq!(first.archives.iter().map(|one| (one.number, one.recorded)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    assert!(first.is_more);
    let rest = scene.operator.list_archives(2, 2).await.unwrap();
    assert_eq!(rest.archives.iter().map(|one| one.number).collect::<Vec<_>>(), [3]);
    assert!(!rest.is_more);
}
