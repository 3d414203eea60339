//! An event that the broker refuses, from the refusal to its end, with real processes: set aside, reported, retried,
//! deleted, sent again.

use apiary_executor_sdk::v1;
use apiary_tests::{Backend, eventually};
use serde_json::Value;

use apiary_tests::parts::{Parts, post_once};

/// Announces the schema of the function's arguments.
async fn announce(parts: &Parts, args_schema: &str) {
    let function = v1::AnnouncedFunction {
        name: "stripe.event".to_owned(),
        args_schema: args_schema.to_owned(),
        ..Default::default()
    };
    let request = v1::RegisterExecutorRequest {
        executor_type: "finance".to_owned(),
        name: "finance".to_owned(),
        functions: vec![function],
        ..Default::default()
    };
    parts.client(&parts.finance).register_executor(request).await.unwrap();
}

/// Runs a command, which must succeed; returns its output as JSON.
async fn json(parts: &Parts, arguments: &[&str]) -> Value {
    let output = parts.run(&[arguments, &["-o", "json"]].concat()).await;
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"))
}

async fn set_aside(parts: &Parts) -> Vec<String> {
    let listed = json(parts, &["spool", "list"]).await;
    listed.as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_told_of_retried_and_ends_when_its_sender_sends_it_again() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::sqlite().await);
    let mut parts = Parts::new(folder.path(), &backend.url());
    parts.start_broker_and_webhook().await;
    announce(&parts, r#"{"type":"object","required":["never"]}"#).await;
    let reader = parts.client(&parts.colony);
    let processes = async || reader.list_processes(Default::default()).await.unwrap().processes.len();
    eventually("the broker refuses such events", async || {
        (post_once(parts.webhook_address, 0).await.unwrap().status() == 202).then_some(())
    })
    .await;
    let before = processes().await;
    for number in 1..4 {
        assert_eq!(post_once(parts.webhook_address, number).await.unwrap().status(), 202);
    }
    let events = eventually("all are set aside", async || Some(set_aside(&parts).await).filter(|all| all.len() == 4));
    let events = events.await;
    assert!(events[1].contains("evt_test00000001"), "{events:?}");
    let shown = json(&parts, &["spool", "show", &events[1], "--payload"]).await;
    assert!(shown["reason"] == "ARGS_REFUSED" && shown["spec"]["function"] == "stripe.event", "{shown}");
    let doctor = json(&parts, &["doctor", "--only", "webhook"]).await;
    let words = doctor["findings"].to_string();
    assert!(words.contains("the broker rejected 4 events") && words.contains("`apiary spool list`"), "{words}");

    // Retried too early, it is refused again.
    let refused_at = async || json(&parts, &["spool", "show", &events[1]]).await["refused_at"].clone();
    let before_retry = refused_at().await;
    assert!(before_retry.is_string(), "{before_retry}");
    json(&parts, &["spool", "retry", &events[1]]).await;
    eventually("it is refused again", async || {
        let at = refused_at().await;
        (at.is_string() && at != before_retry).then_some(())
    })
    .await;
    // Retried while the broker is down, it waits in the spool.
    parts.broker.kill();
    json(&parts, &["spool", "retry", &events[2]]).await;
    eventually("doctor says that the adapter waits", async || {
        let words = json(&parts, &["doctor", "--only", "webhook"]).await["findings"].to_string();
        let is_told = ["no answer from its broker since", "start the broker", "has 1 event in its spool, 3 set aside"];
        is_told.iter().all(|told| words.contains(told)).then_some(())
    })
    .await;
    parts.broker.start();
    parts.broker.ready().await;
    announce(&parts, r#"{"type":"object"}"#).await;
    eventually("the broker takes it", async || {
        // It may have been submitted again before the announcement.
        parts.run(&["spool", "retry", &events[2]]).await;
        (processes().await == before + 1).then_some(())
    })
    .await;
    assert!(!set_aside(&parts).await.contains(&events[2]));

    // Sent again, it is submitted at once.
    let resent = post_once(parts.webhook_address, 1).await.unwrap();
    assert_eq!(resent.status(), 200, "{resent:?}");
    assert!(!set_aside(&parts).await.contains(&events[1]));
    json(&parts, &["spool", "delete", &events[0]]).await;
    json(&parts, &["spool", "retry", "--all"]).await;
    eventually("the last is taken", async || (processes().await == before + 3).then_some(())).await;
    assert_eq!(set_aside(&parts).await, [""; 0]);
    eventually("doctor has nothing more to tell", async || {
        let doctor = json(&parts, &["doctor", "--only", "webhook"]).await;
        doctor["findings"].as_array().unwrap().iter().all(|one| one["verdict"] == "good").then_some(())
    })
    .await;
}
