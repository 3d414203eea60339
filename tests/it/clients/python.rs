//! Python: grpcio-status, the example that reads over HTTP, and the check of an exported process.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use apiary_identity::{Document as _, Envelope, Outcome, Spec, write_key_file};
use apiary_tests::colony::claim;
use apiary_tests::{Backend, TestColony, apiary_binary, flip};
use serde_json::{Value, json};

use super::{Scene, example, installed, path};

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_status_reads_refusals() {
    let scene = Scene::new().await;
    let mut command = Command::new(installed("APIARY_TEST_PYTHON"));
    command.arg(path("tests/clients/python/refusals.py")).arg(scene.colony.address().to_string());
    scene.check(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_example_reads_a_result() {
    example("python", "py", installed("APIARY_TEST_PYTHON"), "SSL_CERT_FILE").await;
}

/// Tampering with an exported process.
const TAMPERING: [fn(&mut Value); 8] = [
    |bundle| flip(&mut bundle["spec"]["payload"]),
    |bundle| flip(&mut bundle["spec"]["signatures"][0]["sig"]),
    |bundle| flip(&mut bundle["submitter_grant"]["payload"]),
    |bundle| flip(&mut bundle["attempts"][0]["result"]["signatures"][0]["sig"]),
    |bundle| bundle["attempts"][0]["result"] = Value::Null,
    |bundle| bundle["process"]["state"] = json!("failed"),
    |bundle| bundle["colony"] = json!("ed25519:AAAA"),
    |bundle| bundle["format"] = json!("apiary.process.v2"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_lines_of_python_check_an_exported_process() {
    let colony = TestColony::start(Backend::sqlite().await).await;
    let (user, bee) = (colony.user("ada").await, colony.executor("bee", "t").await);
    colony.reader().await;
    // Signed alone, and signed with four others: spec and result.
    for count in [1, 5] {
        let specs = (0..count).map(|_| user.spec("t", "f").to_json().unwrap().into()).collect();
        user.submit_batch(&Envelope::sign_all(&colony.key_of("ada"), Spec::PAYLOAD_TYPE, specs)).await.unwrap();
        let leases = claim(&bee, "t", count, Duration::from_secs(10)).await;
        let results = leases.iter().map(|lease| colony.success("bee", lease, b"1").payload).collect();
        let results = Envelope::sign_all(&colony.key_of("bee"), Outcome::PAYLOAD_TYPE, results);
        let ends = bee.end_batch(&results).await.unwrap();
        assert!(ends.iter().all(|end| end.reason.is_empty()), "{ends:?}");
        let folder = tempfile::tempdir().unwrap();
        for lease in &leases {
            let bundle = export(&colony, folder.path(), &lease.process_id);
            let held = check(&colony, folder.path(), &bundle);
            let said = String::from_utf8_lossy(&held.stdout);
            assert!(held.status.success(), "{}", String::from_utf8_lossy(&held.stderr));
            assert!(said.contains(&lease.process_id) && said.contains("succeeded"), "{said}");
        }
        let bundle = export(&colony, folder.path(), &leases[0].process_id);
        for (number, tamper) in TAMPERING.iter().enumerate() {
            let mut tampered = bundle.clone();
            tamper(&mut tampered);
            assert!(!check(&colony, folder.path(), &tampered).status.success(), "tampering {number} of {count}");
        }
    }
}

/// Exports a process with the program, which also verifies the file.
fn export(colony: &TestColony, folder: &Path, process_id: &str) -> Value {
    let key_file = folder.join("reader.pem");
    if !key_file.exists() {
        write_key_file(&key_file, &colony.key_of("reader"), None).unwrap();
    }
    let colony_id = colony.key.id().to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(apiary_binary());
        command.env_clear().current_dir(folder).env("APIARY_COLONY", &colony_id).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let (key, broker) = (key_file.display().to_string(), format!("http://{}", colony.address()));
    let bundle = run(&["process", "export", process_id, "--key-file", &key, "--broker", &broker]);
    std::fs::write(folder.join("exported.json"), &bundle).unwrap();
    run(&["process", "verify", "./exported.json"]);
    serde_json::from_slice(&bundle).unwrap()
}

fn check(colony: &TestColony, folder: &Path, bundle: &Value) -> Output {
    let file = folder.join("checked.json");
    std::fs::write(&file, bundle.to_string()).unwrap();
    let mut command = Command::new(installed("APIARY_TEST_PYTHON"));
    command.arg(path("tests/clients/python/verify_bundle.py")).arg(&file).arg(colony.key.id().to_string());
    command.output().unwrap()
}
