//! Rows, what they become, and how long they stay.

use std::time::Duration;

use apiary_adapters::OutboxConfig;
use apiary_tests::{eventually_within, http};
use serde_json::Value;

use super::scene::{PATIENCE, Scene, allowed, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_there_if_and_only_if_its_transaction_is() {
    let scene = Scene::new().await;
    let adapter = scene.adapter().await;
    let mut user = scene.connect().await;
    // The example of docs/outbox.md: an order and its mail are one transaction.
    run(
        &mut user,
        "create table orders (id int primary key, email text);
         create function order_placed() returns trigger language plpgsql security definer set search_path = '' as $$
         begin
             perform apiary.enqueue(
                 'mail.send', jsonb_build_object('order', new.id), key => 'mail-' || new.id, priority => 5);
             return null;
         end $$;
         create trigger order_placed after insert on orders for each row execute function order_placed()",
    )
    .await;
    run(&mut user, "begin; insert into orders values (1, 'a@example.com'); rollback").await;
    run(&mut user, "insert into orders values (2, 'b@example.com')").await;
    scene.wait_for_submitted(1).await;
    let processes = scene.processes().await;
    assert_eq!(processes.len(), 1, "that of the order that was rolled back is not there");
    let spec = &processes[0];
    assert_eq!((spec.function.as_str(), spec.priority), ("mail.send", 5));
    assert_eq!(spec.args().to_bytes().unwrap(), r#"{"order": 2}"#);
    assert!(spec.idempotency_key.as_ref().unwrap().ends_with(":key:mail-2"), "{:?}", spec.idempotency_key);
    assert_eq!(scene.count(&format!("process_id = '{}'", spec.process_id)).await, 1);
    let report = adapter.report();
    assert_eq!((report.submitted, report.existed, report.readable), (1, 0, Some(true)), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_used_twice_is_one_process_and_rows_without_one_are_two() {
    let scene = Scene::new().await;
    let _adapter = scene.adapter().await;
    let mut user = scene.connect().await;
    for _ in 0..2 {
        run(&mut user, "select apiary.enqueue('keyed', '[]', 'k'), apiary.enqueue('plain', '[]')").await;
    }
    scene.wait_for_submitted(4).await;
    let mut functions = scene.functions().await;
    functions.sort();
    assert_eq!(functions, ["keyed", "plain", "plain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rows_are_announced_and_behind_a_pooler_looked_for() {
    let scene = Scene::new().await;
    let listening = scene.adapter().await;
    eventually_within(PATIENCE, "it listens", async || listening.report().listens.then_some(())).await;
    scene.enqueue(&["a"]).await;
    scene.wait_for_submitted(1).await;
    listening.webhook.stop().await;
    let polling = scene.adapter_with(OutboxConfig { has_transaction_pooler: true, ..scene.config() }).await;
    scene.enqueue(&["b"]).await;
    scene.wait_for_submitted(2).await;
    // The address leads to a server that could be listened to: the setting says that it must not.
    assert!(!polling.report().listens);
    assert_eq!(scene.functions().await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn submitted_rows_leave_after_their_time_and_no_others() {
    let scene = Scene::new().await;
    scene
        .database
        .execute(
            "insert into apiary.outbox (function, submitted_at, process_id)
             select 'old', now() - interval '8 days', gen_random_uuid() from generate_series(1, 2500);
         insert into apiary.outbox (function, submitted_at) values ('new', now() - interval '6 days');
         insert into apiary.outbox (function, created_at, problem) values ('refused', now() - interval '1 year', 'no')",
        )
        .await;
    let week = Duration::from_secs(7 * 86_400);
    let adapter = scene.adapter_with(OutboxConfig { retain: Some(week), ..scene.config() }).await;
    eventually_within(PATIENCE, "old rows are deleted", async || {
        (scene.count("function = 'old'").await == 0).then_some(())
    })
    .await;
    assert_eq!(scene.count("function in ('new', 'refused')").await, 2);
    assert_eq!(adapter.report().submitted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_shows_the_outbox_without_its_rows() {
    let scene = Scene::new().await;
    let adapter = scene.adapter_with(OutboxConfig { functions: allowed(&["t/good"]), ..scene.config() }).await;
    scene.enqueue(&["good", "secret.bad"]).await;
    let url = format!("http://{}/healthz", adapter.webhook.address());
    let health = eventually_within(PATIENCE, "health shows both rows", async || {
        let health: Value = http().get(&url).send().await.unwrap().json().await.unwrap();
        let outbox = &health["outbox"];
        (outbox["refused"] == 1 && outbox["submitted"] == 1 && health["status"] == "degraded").then_some(health)
    })
    .await;
    let notices = health["notices"].as_array().unwrap();
    let refused = notices.iter().find(|notice| notice["kind"] == "OUTBOX_ROWS_REFUSED").unwrap();
    assert!(refused["remedy"].as_str().unwrap().contains("apiary.outbox"), "{refused}");
    assert!(!health.to_string().contains("secret.bad"), "{health}");
}
