//! `FindArchive`: where a process is that left the broker.

use std::time::Duration;

use apiary_identity::{GrantRight, Role};
use apiary_tests::TestColony;
use uuid::Uuid;

use super::scene::Scene;

on_each_store!(a_process_that_left_is_found_in_its_object);

async fn a_process_that_left_is_found_in_its_object(colony: TestColony) {
    let mut scene = Scene::new(colony).await;
    scene.archive(&scene.unarchived().await).await;
    scene.retain(Duration::from_secs(1)).await;
    scene.gone(scene.dead).await;
    let reader = scene.colony.reader().await;
    let gone = reader.get_process(scene.dead).await.unwrap_err();
    assert_eq!(gone.reason(), Some("ARCHIVED"));
    assert!(gone.to_string().contains("\"object-1\" at line 1"), "{gone}");
    let place = reader.find_archive(scene.dead).await.unwrap();
    assert_eq!((place.object.as_str(), place.line), ("object-1", 1));
    assert!(place.manifest.is_some());
    assert!(place.earlier.is_empty());
    // The broker knows no more whose it was.
    let own = scene.colony.grant("own", Role::User, &["*"], &["*"], &[GrantRight::ReadOwn]).await;
    assert_eq!(own.get_process(scene.dead).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(own.find_archive(scene.dead).await.unwrap_err().reason(), Some("NOT_PERMITTED"));
    let unknown = Uuid::now_v7();
    assert_eq!(reader.find_archive(unknown).await.unwrap_err().reason(), Some("NOT_FOUND"));
    assert_eq!(reader.get_process(unknown).await.unwrap_err().reason(), Some("NOT_FOUND"));
}
