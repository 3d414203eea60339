//! `EnforceRetention`: what is archived and past its retention leaves at once.

use std::time::Duration;

use apiary_tests::TestColony;

use super::scene::Scene;

on_each_store!(what_is_archived_leaves_and_the_rest_stays);

async fn what_is_archived_leaves_and_the_rest_stays(colony: TestColony) {
    let mut scene = Scene::new(colony).await;
    assert_eq!(scene.operator.enforce_retention().await.unwrap_err().reason(), Some("STATE_CONFLICT"));
    let all = scene.unarchived().await;
    // The cancelled one ended last, and the first of the two before it is left out of the object.
    scene.archive(&all[1..]).await;
    scene.retain(Duration::from_secs(1)).await;
    scene.gone(scene.dead).await;
    scene.gone(scene.cancelled).await;
    assert!(scene.operator.get_process(scene.succeeded).await.is_ok(), "it is in no object");
    scene.archive(&all[..1]).await;
    // It was passed over: the sweep reads it again, or this call does if the sweep did not come by yet.
    let end = scene.operator.start_archive().await.unwrap();
    assert_eq!(end.next_number, 3);
}
