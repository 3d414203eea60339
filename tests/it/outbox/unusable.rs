//! A table that is missing, and rights that are.

use apiary_adapters::OutboxConfig;
use apiary_adapters::outbox::OUTBOX_SQL;
use sqlx::{Connection as _, PgConnection};

use super::scene::{Scene, TestRole, enqueue, run};

const UNUSABLE: &str = "OUTBOX_UNUSABLE";

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_told_with_the_command_and_read_as_soon_as_it_is_there() {
    let scene = Scene::without_table().await;
    let adapter = scene.adapter().await;
    let words = adapter.notice(UNUSABLE).await;
    assert!(words.contains("no table `apiary.outbox`"), "{words}");
    assert!(words.contains("apiary webhook outbox-sql | psql"), "{words}");
    assert_eq!(adapter.report().readable, Some(false));
    scene.database.execute(OUTBOX_SQL).await;
    scene.database.execute(OUTBOX_SQL).await;
    scene.enqueue(&["a"]).await;
    scene.wait_for_submitted(1).await;
    adapter.wait_until_well().await;
    assert_eq!(adapter.report().readable, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_is_told_and_the_rights_that_are_told_are_enough() {
    let scene = Scene::new().await;
    let mut owner = scene.connect().await;
    let role = TestRole::new(&mut owner, &scene.database.url()).await;
    let config = OutboxConfig { database_url: role.url.as_str().into(), ..scene.config() };
    let adapter = scene.adapter_with(config).await;
    scene.enqueue(&["a"]).await;
    let words = adapter.notice(UNUSABLE).await;
    let (_, rights) = words.split_once('`').and_then(|_| words.split_once("run `")).unwrap();
    let (rights, _) = rights.split_once('`').unwrap();
    assert!(rights.starts_with("grant usage on schema apiary to ROLE"), "{words}");
    assert_eq!(scene.count("submitted_at is null").await, 1);
    run(&mut owner, &rights.replace("ROLE", &role.name)).await;
    scene.wait_for_submitted(1).await;
    adapter.wait_until_well().await;

    run(&mut owner, "alter table apiary.outbox enable row level security").await;
    adapter.webhook.stop().await;
    let config = OutboxConfig { database_url: role.url.as_str().into(), ..scene.config() };
    let adapter = scene.adapter_with(config).await;
    let words = adapter.notice(UNUSABLE).await;
    assert!(words.contains("row level security is on"), "{words}");
    adapter.webhook.stop().await;
    role.remove(&mut owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_enqueue_needs_no_right_to_the_table() {
    let scene = Scene::new().await;
    let mut owner = scene.connect().await;
    let role = TestRole::new(&mut owner, &scene.database.url()).await;
    let mut user = PgConnection::connect(&role.url).await.unwrap();
    let denied = sqlx::query("SELECT apiary.enqueue('f')").execute(&mut user).await.unwrap_err().to_string();
    assert!(denied.contains("permission denied"), "{denied}");
    let grant = "grant usage on schema apiary to ROLE; grant execute on function apiary.enqueue to ROLE";
    run(&mut owner, &grant.replace("ROLE", &role.name)).await;
    enqueue(&mut user, "f").await;
    // Objects of the caller's own do not take the place of those that the function means.
    run(&mut user, "create temp table outbox (function text); set search_path = pg_temp, apiary, public").await;
    enqueue(&mut user, "g").await;
    for sql in
        ["SELECT count(*) FROM apiary.outbox", "DELETE FROM apiary.outbox", "SELECT id FROM apiary.outbox_database"]
    {
        let denied = sqlx::query(sql).execute(&mut user).await.unwrap_err().to_string();
        assert!(denied.contains("permission denied"), "{sql}: {denied}");
    }
    assert_eq!(scene.count("function in ('f', 'g')").await, 2);
    user.close().await.unwrap();
    role.remove(&mut owner).await;
}
