//! `AddArchive`: what is in which object, in an unbroken chain.

use apiary_executor_sdk::v1;
use apiary_identity::{ArchiveManifest, Clock as _, Digest, SystemClock};
use apiary_tests::TestColony;

use super::scene::{Scene, ended};

on_each_store!(
    an_object_follows_the_one_before,
    what_does_not_fit_is_refused,
    what_was_redriven_meanwhile_is_not_recorded
);

async fn an_object_follows_the_one_before(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    assert_eq!(scene.archive(&all[..2]).await, 2);
    let end = scene.operator.start_archive().await.unwrap();
    assert_eq!((end.next_number, end.from_ms), (2, ended(&all[1]).max(ended(&all[0])) + 1));
    assert_eq!(scene.unarchived().await, all[2..]);
    assert_eq!(scene.archive(&all[2..]).await, 1);
    assert!(scene.unarchived().await.is_empty());
    let owner = scene.colony.client(&scene.colony.key);
    let request = v1::ListEventsRequest { kind: "archive.added".to_owned(), ..Default::default() };
    let told = owner.list_events(request).await.unwrap().events;
    assert_eq!(told.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["object-1", "object-2"]);
}

async fn what_does_not_fit_is_refused(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    let fits = scene.manifest(&all).await;
    let refused = async |signer: &str, manifest: ArchiveManifest, processes: &[v1::FinishedProcess]| {
        let request = scene.request(signer, &manifest, processes);
        scene.operator.add_archive(request).await.unwrap_err().reason().unwrap().to_owned()
    };
    let second = ArchiveManifest { number: 2, previous: Some(Digest([1; 32])), ..fits.clone() };
    assert_eq!(refused("grace", second, &all).await, "STATE_CONFLICT");
    assert_eq!(refused("ada", fits.clone(), &all).await, "NOT_PERMITTED");
    assert_eq!(refused("grace", fits.clone(), &all[1..]).await, "INVALID");
    let late = SystemClock.now() + jiff::SignedDuration::from_hours(1);
    assert_eq!(refused("grace", ArchiveManifest { until: late, ..fits.clone() }, &all).await, "INVALID");
    let foreign = ArchiveManifest { colony: scene.colony.server_owner.id(), ..fits.clone() };
    assert_eq!(refused("grace", foreign, &all).await, "INVALID");
    assert_eq!(scene.archive(&all).await, 3);
    assert_eq!(refused("grace", fits, &all).await, "STATE_CONFLICT");
}

async fn what_was_redriven_meanwhile_is_not_recorded(colony: TestColony) {
    let scene = Scene::new(colony).await;
    let all = scene.unarchived().await;
    scene.operator.redrive(scene.dead).await.unwrap();
    assert_eq!(scene.archive(&all).await, 2);
    assert_eq!(scene.operator.find_archive(scene.dead).await.unwrap_err().reason(), Some("NOT_FOUND"));
    scene.operator.cancel(scene.dead, "enough", None).await.unwrap();
    let again = scene.unarchived().await;
    assert_eq!(again.len(), 1, "it finished again");
    assert_eq!(scene.archive(&again).await, 1);
    let place = scene.operator.find_archive(scene.dead).await.unwrap();
    assert_eq!((place.object.as_str(), place.line), ("object-2", 0));
}
