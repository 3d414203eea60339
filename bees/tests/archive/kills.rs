//! The bee may die at any point, and begin again: nothing is lost, nothing is doubled, and nothing leaves that is not archived.

use std::time::Duration;

use apiary_executor_sdk::CancellationToken;
use apiary_tests::TestColony;

use crate::interrupted::Interrupted;
use crate::scene::{Scene, archive_all};

on_each_store!(whatever_step_it_dies_at_the_archive_is_whole, a_restore_that_dies_anywhere_is_repeated);

/// More steps than an object takes.
const STEPS: usize = 12;

async fn whatever_step_it_dies_at_the_archive_is_whole(colony: TestColony) {
    let mut scene = Scene::new(colony, 0).await;
    let mut kills = 0;
    for step in 0..STEPS {
        for is_done in [false, true] {
            scene.finish(1).await;
            let dying = scene.archive_in(Interrupted::at(scene.storage(), step, is_done));
            kills += usize::from(archive_all(&dying).await.is_err());
            // What the broker has recorded by now is there, whole; so whatever leaves is in the storage.
            let token = CancellationToken::new();
            let checked = scene.archive().compliance_check(|_| {}, &token).await.unwrap();
            assert!(checked.is_good, "step {step}, {is_done}: {checked:?}");
            scene.archive().retention_enforce(|_| {}, &token).await.ok();
        }
    }
    assert!(
        (8..2 * STEPS).contains(&kills),
        "{kills} kills: some before every step, and the last steps are beyond the end"
    );
    archive_all(&scene.archive()).await.unwrap();
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.is_good, checked.unarchived), (true, 0));
    assert_eq!(usize::try_from(checked.processes), Ok(scene.ids.len()), "each is in one object, once");
    scene.leave().await;
    for id in &scene.ids {
        scene.client.find_archive(*id).await.unwrap();
    }
}

async fn a_restore_that_dies_anywhere_is_repeated(colony: TestColony) {
    let mut scene = Scene::new(colony, 6).await;
    let before = scene.shown().await;
    archive_all(&scene.archive()).await.unwrap();
    scene.leave().await;
    let object = scene.client.find_archive(scene.ids[0]).await.unwrap().object;
    let (keep, token) = (Duration::from_secs(3600), CancellationToken::new());
    for step in 0..2 {
        for is_done in [false, true] {
            let dying = scene.archive_in(Interrupted::at(scene.storage(), step, is_done));
            assert!(dying.restore_object(&object, keep, &token).await.is_err(), "step {step}");
            assert!(dying.restore_process(scene.ids[0], keep).await.is_err(), "step {step}");
        }
    }
    assert_eq!(scene.there().await, 0, "nothing comes back before all of it is verified");
    // Whoever died between two calls to the broker has put some of them back.
    scene.archive().restore_process(scene.ids[3], keep).await.unwrap();
    let repeated = scene.archive().restore_object(&object, keep, &token).await.unwrap();
    assert_eq!((repeated.restored, repeated.there), (5, 1));
    assert_eq!(scene.shown().await, before);
}
