//! `kill -9` of an adapter between the submit of a row and its mark.

use apiary_executor_sdk::v1;
use apiary_identity::write_key_file;
use apiary_tests::daemon::Daemon;
use apiary_tests::{Port, eventually_within, http};
use serde_json::Value;

use super::scene::{PATIENCE, Scene, run};

#[tokio::test(flavor = "multi_thread")]
async fn rows_submitted_before_a_kill_and_marked_after_it_are_there_once() {
    let scene = Scene::new().await;
    let (folder, port) = (tempfile::tempdir().unwrap(), Port::take());
    let key_file = folder.path().join("adapter.pem");
    write_key_file(&key_file, &scene.colony.key_of("adapter"), None).unwrap();
    let mut adapter = Daemon::new("webhook", &["webhook"], folder.path(), Some(port.address()))
        .set("APIARY_BROKER", format!("http://{}", scene.colony.address()))
        .set("APIARY_COLONY", scene.colony.key.id())
        .set("APIARY_KEY_FILE", key_file.display())
        .set("APIARY_WEBHOOK_LISTEN", port.address())
        .set("APIARY_WEBHOOK_SPOOL", folder.path().join("spool").display())
        .set("APIARY_WEBHOOK_OUTBOX_DATABASE_URL", scene.database.url())
        .set("APIARY_WEBHOOK_OUTBOX_FUNCTIONS", "t/*");
    scene.enqueue(&["a", "b", "c"]).await;
    let mut owner = scene.connect().await;
    // Rows can be read, and not be marked.
    run(&mut owner, "begin; lock table apiary.outbox in share row exclusive mode").await;
    adapter.start();
    adapter.ready().await;
    let reader = scene.colony.reader().await;
    let count = async || {
        let request = v1::ListProcessesRequest { page_size: 1000, ..v1::ListProcessesRequest::default() };
        reader.list_processes(request).await.unwrap().processes.len()
    };
    eventually_within(PATIENCE, "the rows are submitted", async || (count().await == 3).then_some(())).await;
    adapter.kill();
    // The server would carry out what the dead adapter has asked for.
    run(
        &mut owner,
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where application_name = 'apiary-outbox' and datname = current_database()",
    )
    .await;
    eventually_within(PATIENCE, "the adapter's sessions end", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE application_name = 'apiary-outbox' AND datname = current_database()";
        (scene.database.number(sql).await == 0).then_some(())
    })
    .await;
    run(&mut owner, "rollback").await;
    assert_eq!(scene.count("submitted_at is null").await, 3, "none was marked");
    adapter.start();
    adapter.ready().await;
    scene.wait_for_submitted(3).await;
    let url = format!("http://{}/healthz", port.address());
    let health: Value = http().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["outbox"]["submitted"], &health["outbox"]["existed"]), (&3.into(), &3.into()), "{health}");
    assert_eq!(count().await, 3);
    assert_eq!(scene.functions().await, ["a", "b", "c"]);
    assert_eq!(adapter.terminate().await, Some(0));
}
