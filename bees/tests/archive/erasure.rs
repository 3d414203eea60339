//! The bytes of a person's processes leave the archive; everything else still verifies, and what is gone says that it was erased.

use std::time::Duration;

use apiary_bees::archive::{ArchiveError, read_process};
use apiary_executor_sdk::CancellationToken;
use apiary_tests::TestColony;

use crate::interrupted::Interrupted;
use crate::scene::{Scene, archive_all, files};

on_each_store!(
    what_is_erased_is_gone_and_the_rest_verifies,
    a_process_is_erased_from_every_object_that_it_is_in,
    what_the_bee_did_not_write_is_not_deleted,
    an_erasure_that_dies_anywhere_is_repeated,
);

const KEEP: Duration = Duration::from_secs(3600);

/// Returns true if a byte string is in any object, unpacked.
fn is_anywhere(scene: &Scene, wanted: &str) -> bool {
    files(scene.folder.path()).iter().any(|path| {
        let bytes = std::fs::read(path).unwrap();
        let bytes = zstd::decode_all(&bytes[..]).unwrap_or(bytes);
        bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
    })
}

/// Returns a part of a process's spec that no other line has: the end of its signature.
async fn secret_of(scene: &Scene, at: usize) -> String {
    let place = scene.client.find_archive(scene.ids[at]).await.unwrap();
    let line = read_process(&*scene.storage(), &scene.colony.key.id(), scene.ids[at], &place).await.unwrap();
    let text = String::from_utf8(line.to_bytes().unwrap()).unwrap();
    let from = text.find("\"sig\":\"").unwrap();
    let spec = text.rfind("\"spec\":").unwrap_or(from);
    let from = text[spec..].find("\"sig\":\"").unwrap() + spec + 7;
    text[from..from + 60].to_owned()
}

async fn what_is_erased_is_gone_and_the_rest_verifies(colony: TestColony) {
    let mut scene = Scene::new(colony, 6).await;
    archive_all(&scene.archive()).await.unwrap();
    scene.finish(2).await;
    archive_all(&scene.archive()).await.unwrap();
    scene.leave().await;
    let token = CancellationToken::new();
    let secrets = [secret_of(&scene, 1).await, secret_of(&scene, 4).await];
    assert!(secrets.iter().all(|secret| is_anywhere(&scene, secret)));
    for at in [1, 4] {
        let report = scene.archive().erase(&[scene.ids[at]], "on demand of the person", &token).await.unwrap();
        assert_eq!((report.erased, report.objects, report.in_broker.len()), (1, 1, 0));
        let again = scene.archive().erase(&[scene.ids[at]], "again", &token).await.unwrap();
        assert_eq!((again.erased, again.objects), (1, 0));
    }
    assert!(!secrets.iter().any(|secret| is_anywhere(&scene, secret)), "no byte of them is left");
    let checked = scene.archive().compliance_check(|_| {}, &token).await.unwrap();
    assert_eq!((checked.is_good, checked.processes, checked.erased), (true, 6, 2), "{checked:?}");
    assert!(checked.unrecorded.is_empty(), "{checked:?}");
    let gone = scene.archive().restore_process(scene.ids[1], KEEP).await.unwrap_err();
    assert!(matches!(&gone, ArchiveError::Erased { .. }) && gone.to_string().contains("on demand"), "{gone}");
    let object = scene.client.find_archive(scene.ids[0]).await.unwrap().object;
    let restored = scene.archive().restore_object(&object, KEEP, &token).await.unwrap();
    assert_eq!((restored.restored, restored.there, restored.erased), (4, 0, 2));
    let there = scene.archive().erase(&[scene.ids[0]], "on demand", &token).await.unwrap();
    assert_eq!(there.in_broker, [scene.ids[0]], "the broker has it again");
}

async fn a_process_is_erased_from_every_object_that_it_is_in(colony: TestColony) {
    let mut scene = Scene::new(colony, 3).await;
    archive_all(&scene.archive()).await.unwrap();
    // The third one failed. It is tried again, and ends again.
    scene.colony.client(&scene.colony.key).redrive(scene.ids[2]).await.unwrap();
    let bee = scene.client_of("bee");
    let lease = scene.colony.claim_one(&bee, "t").await;
    bee.complete(&scene.colony.success("bee", &lease, b"{}")).await.unwrap();
    assert_eq!(archive_all(&scene.archive()).await.unwrap().processes, 1);
    let place = scene.client.find_archive(scene.ids[2]).await.unwrap();
    assert_eq!((place.earlier.len(), place.earlier[0].line), (1, 2));
    let secret = secret_of(&scene, 2).await;
    scene.leave().await;
    let token = CancellationToken::new();
    let report = scene.archive().erase(&[scene.ids[2]], "on demand", &token).await.unwrap();
    assert_eq!((report.erased, report.objects), (1, 2));
    assert!(!is_anywhere(&scene, &secret));
    let checked = scene.archive().compliance_check(|_| {}, &token).await.unwrap();
    assert_eq!((checked.is_good, checked.processes, checked.erased), (true, 2, 2), "{checked:?}");
}

async fn what_the_bee_did_not_write_is_not_deleted(colony: TestColony) {
    let scene = Scene::new(colony, 3).await;
    archive_all(&scene.archive()).await.unwrap();
    let object = scene.client.find_archive(scene.ids[0]).await.unwrap().object;
    let folder = scene.folder.path().join(&object).parent().unwrap().to_owned();
    // As if another bee had left them: the same number, and other lines; and no object at all.
    let foreign =
        [("0000000001-0123456789abcdef.jsonl.zst", &b"{\"a\":1}\n{}\n{}\n"[..]), ("0000000001-x.jsonl.zst", b"")];
    for (name, lines) in foreign {
        std::fs::write(folder.join(name), zstd::bulk::compress(lines, 3).unwrap()).unwrap();
    }
    scene.archive().erase(&[scene.ids[0]], "on demand", &CancellationToken::new()).await.unwrap();
    assert!(!scene.folder.path().join(&object).exists());
    assert!(foreign.iter().all(|(name, _)| folder.join(name).exists()));
}

async fn an_erasure_that_dies_anywhere_is_repeated(colony: TestColony) {
    let mut scene = Scene::new(colony, 12).await;
    archive_all(&scene.archive()).await.unwrap();
    scene.leave().await;
    let token = CancellationToken::new();
    for (at, id) in scene.ids.iter().enumerate() {
        let dying = scene.archive_in(Interrupted::at(scene.storage(), at, at % 2 == 0));
        let died = dying.erase(&[*id], "on demand", &token).await;
        let checked = scene.archive().compliance_check(|_| {}, &token).await.unwrap();
        assert!(checked.is_good, "step {at}: {died:?} {checked:?}");
        scene.archive().erase(&[*id], "on demand", &token).await.unwrap();
        let place = scene.client.find_archive(*id).await.unwrap();
        let read = read_process(&*scene.storage(), &scene.colony.key.id(), *id, &place).await;
        assert!(matches!(read, Err(ArchiveError::Erased { .. })), "step {at}");
    }
    let checked = scene.archive().compliance_check(|_| {}, &token).await.unwrap();
    assert_eq!((checked.is_good, checked.erased, checked.processes), (true, 12, 0));
}
