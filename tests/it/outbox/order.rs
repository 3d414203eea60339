//! The order of commits.

use apiary_adapters::BrokerState;
use apiary_tests::eventually_within;

use super::scene::{PATIENCE, Scene, enqueue, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_a_lower_id_that_is_committed_later_is_submitted_later_and_holds_up_nobody() {
    let scene = Scene::new().await;
    let _adapter = scene.adapter().await;
    let (mut slow, mut quick) = (scene.connect().await, scene.connect().await);
    run(&mut slow, "begin").await;
    let first = enqueue(&mut slow, "slow").await;
    let second = enqueue(&mut quick, "quick").await;
    assert!(first < second);
    scene.wait_for_submitted(1).await;
    run(&mut slow, "commit").await;
    scene.wait_for_submitted(2).await;
    assert_eq!(scene.functions().await, ["quick", "slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_keep_their_order_over_batches_and_a_late_commit_comes_after_them() {
    let mut scene = Scene::new().await;
    let mut late = scene.connect().await;
    run(&mut late, "begin").await;
    enqueue(&mut late, "late").await;
    scene.colony.stop().await;
    let names: Vec<String> = (0..250).map(|number| format!("f{number:03}")).collect();
    scene.enqueue(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let adapter = scene.adapter().await;
    // The reader has begun with the rows of this moment. What is committed from now on comes after them.
    eventually_within(PATIENCE, "the broker is away", async || {
        (adapter.webhook.broker() == BrokerState::Away).then_some(())
    })
    .await;
    run(&mut late, "commit").await;
    scene.colony.start_again().await;
    scene.wait_for_submitted(251).await;
    let functions = scene.functions().await;
    assert_eq!(functions.last().map(String::as_str), Some("late"));
    assert_eq!(functions[..250], names);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readers_of_one_table_do_no_harm() {
    let scene = Scene::new().await;
    let readers = [scene.adapter().await, scene.adapter().await];
    let names: Vec<String> = (0..300).map(|number| format!("f{number:03}")).collect();
    for part in names.chunks(50) {
        scene.enqueue(&part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    scene.wait_for_submitted(300).await;
    let mut functions = scene.functions().await;
    functions.sort();
    assert_eq!(functions, names, "each is there once");
    assert_eq!(scene.problems().await, Vec::<String>::new());
    for reader in &readers {
        assert_eq!(reader.supervisor.notices().list().len(), 0, "{:?}", reader.supervisor.notices().list());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_dump_of_another_cluster_are_read_although_their_transactions_are_not_known_here() {
    let scene = Scene::new().await;
    let _adapter = scene.adapter().await;
    scene.database.execute("insert into apiary.outbox (function, transaction) values ('a', '99999999999')").await;
    scene.enqueue(&["b"]).await;
    scene.wait_for_submitted(2).await;
}
