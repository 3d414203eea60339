//! A problem in a bee's surroundings: the colony's health names the process, the event and the remedy until it is
//! fixed.

use apiary_tests::{Backend, PostgrestStub, eventually};
use serde_json::Value;

use apiary_tests::parts::{Parts, post_once};

#[tokio::test(flavor = "multi_thread")]
async fn the_colonys_health_names_process_event_and_remedy_while_supabase_is_over_its_quota() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let supabase = PostgrestStub::start().await;
    supabase.refuse("402 Payment Required", r#"{"message":"exceed_egress_quota"}"#);
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.bee.settings("SUPABASE_URL", supabase.url());
    parts.bee.settings("SUPABASE_SERVICE_ROLE_KEY", "only-for-this-test");
    parts.bee.settings("APIARY_FINANCE_RECORD", "supabase");
    parts.start_broker_and_webhook().await;
    parts.bee.start();
    let posted: Value = post_once(parts.webhook_address, 7).await.unwrap().json().await.unwrap();
    let (process, event) = (posted["process_id"].as_str().unwrap(), posted["event"].as_str().unwrap());

    let health = eventually("it waits", async || {
        let output = parts.run(&["colony", "health", "-o", "json"]).await;
        let health: Value = serde_json::from_slice(&output.stdout).ok()?;
        let waits = health["findings"].as_array()?.iter().any(|one| one["kind"] == "WAITS_ON_SURROUNDINGS");
        waits.then_some((output.status.code(), health))
    });
    let (code, health) = health.await;
    assert_eq!((code, &health["healthy"]), (Some(10), &Value::Bool(false)), "{health}");
    let finding = &health["findings"][0];
    assert_eq!((finding["subject"].as_str(), finding["count"].as_i64()), (Some("record-unavailable"), Some(1)));
    assert!(finding["since"].is_string(), "{finding}");
    let text = String::from_utf8(parts.run(&["colony", "health"]).await.stdout).unwrap();
    let doctor = String::from_utf8(parts.run(&["doctor", "--only", "health"]).await.stdout).unwrap();
    for words in [process, event, "stripe.event", "402", "exceed_egress_quota", "quota and its billing page"] {
        assert!(text.contains(words), "{words}: {text}");
        assert!(doctor.contains(words), "doctor, {words}: {doctor}");
    }
    let log = eventually("the bee warns", async || {
        let words = parts.bee.last_words();
        words.lines().find(|line| line.contains("WARN") && line.contains("work postponed")).map(str::to_owned)
    });
    let log = log.await;
    for words in [process, event, "billing page"] {
        assert!(log.contains(words), "{words}: {log}");
    }

    supabase.take();
    eventually("nothing needs attention", async || {
        parts.run(&["colony", "health"]).await.status.success().then_some(())
    })
    .await;
    assert_eq!(parts.bee.terminate().await, Some(0));
}
