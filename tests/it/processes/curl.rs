//! The commands of `docs/protocol.md`, run unchanged: openssl signs, curl submits.

use std::process::{Command, Output};

use apiary_executor_sdk::v1::ProcessState;
use apiary_identity::write_key_file;
use apiary_tests::TestColony;
use apiary_tests::colony::state_of;
use serde_json::Value;

on_each_store!(the_documented_commands_submit_a_process, the_documented_commands_show_a_refusal);

/// Returns all `sh` blocks of the page, as one script.
fn script() -> String {
    let page = include_str!("../../../docs/protocol.md");
    let blocks: Vec<_> = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2, "one block signs, one sends");
    blocks.concat()
}

async fn run(colony: &TestColony, function: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key.pem");
    write_key_file(&key_file, &colony.key_of("ada"), None).unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-c", &script()])
        .env("BROKER_URL", format!("http://{}", colony.address()))
        .env("COLONY_ID", colony.key.id().to_string())
        .env("KEY_FILE", key_file)
        .env("EXECUTOR_TYPE", "t")
        .env("FUNCTION", function)
        .env("ARGS", "{\"n\": 1.0}")
        .env("no_proxy", "*");
    tokio::task::spawn_blocking(move || command.output().expect("bash, openssl 3 and curl are needed: install them"))
        .await
        .unwrap()
}

async fn the_documented_commands_submit_a_process(colony: TestColony) {
    colony.user("ada").await;
    let output = run(&colony, "f").await;
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["existed"], false, "{answer}");
    let process_id = answer["process_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(state_of(&colony.reader().await, process_id).await, ProcessState::Waiting);
    let bee = colony.executor("bee", "t").await;
    let lease = colony.claim_one(&bee, "t").await;
    let spec: apiary_identity::Spec =
        apiary_executor_sdk::wire::envelope_from_proto(&lease.spec.unwrap()).unwrap().open().unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), b"{\"n\": 1.0}".as_slice());
}

async fn the_documented_commands_show_a_refusal(colony: TestColony) {
    use apiary_identity::Role;
    colony.grant("ada", Role::User, &["f"], &["t"], &[]).await;
    let output = run(&colony, "g").await;
    assert!(!output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["error"]["reason"], "NOT_PERMITTED", "{answer}");
}
