//! The bee may die at any point, and begin again: nothing is lost, nothing is doubled, and nothing leaves that is not archived.

use apiary_executor_sdk::CancellationToken;
use apiary_tests::TestColony;

use crate::interrupted::Interrupted;
use crate::scene::{Scene, archive_all};

on_each_store!(whatever_step_it_dies_at_the_archive_is_whole);

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
    assert!((8..2 * STEPS).contains(&kills), "{kills} kills: some before every step, and the last steps are beyond the end");
    archive_all(&scene.archive()).await.unwrap();
    let checked = scene.archive().compliance_check(|_| {}, &CancellationToken::new()).await.unwrap();
    assert_eq!((checked.is_good, checked.unarchived), (true, 0));
    assert_eq!(usize::try_from(checked.processes), Ok(scene.ids.len()), "each is in one object, once");
    scene.leave().await;
    for id in &scene.ids {
        scene.client.find_archive(*id).await.unwrap();
    }
}
