//! A broker that is away, and a database that is.

use apiary_adapters::BROKER_AWAY;

use super::scene::{Scene, run};

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_while_the_broker_is_away() {
    let mut scene = Scene::new().await;
    let adapter = scene.adapter().await;
    scene.colony.stop().await;
    scene.enqueue(&["a", "b"]).await;
    let words = adapter.notice(BROKER_AWAY).await;
    assert!(words.contains("rows of the outbox wait"), "{words}");
    assert_eq!(scene.count("submitted_at is null and problem is null").await, 2);
    scene.colony.start_again().await;
    scene.wait_for_submitted(2).await;
    adapter.wait_until_well().await;
    assert_eq!(scene.functions().await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_connects_again_when_its_connections_are_cut() {
    let scene = Scene::new().await;
    let adapter = scene.adapter().await;
    scene.enqueue(&["a"]).await;
    scene.wait_for_submitted(1).await;
    scene.database.cut_connections().await;
    scene.enqueue(&["b"]).await;
    scene.wait_for_submitted(2).await;
    adapter.wait_until_well().await;
    assert_eq!(scene.functions().await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_mark_does_not_last_is_one_process_and_is_told() {
    let scene = Scene::new().await;
    let mut owner = scene.connect().await;
    run(
        &mut owner,
        "create function drop_it() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger drop_it before update on apiary.outbox for each row execute function drop_it()",
    )
    .await;
    let adapter = scene.adapter().await;
    scene.enqueue(&["a"]).await;
    let words = adapter.notice("OUTBOX_UNUSABLE").await;
    assert!(words.contains("still waiting after it was marked") && words.contains("trigger"), "{words}");
    run(&mut owner, "drop trigger drop_it on apiary.outbox").await;
    scene.wait_for_submitted(1).await;
    adapter.wait_until_well().await;
    assert_eq!(scene.functions().await, ["a"]);
}
