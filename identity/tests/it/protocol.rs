//! The example in docs/protocol.md: what a reader copies makes an envelope that is accepted.

use std::process::Command;

use apiary_identity::chain::verify_spec;
use apiary_identity::{Envelope, KeyPair, write_key_file};

use crate::support::Scene;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

/// The shell blocks of the page, in order.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = PROTOCOL.lines();
    while lines.by_ref().any(|line| line == "```sh") {
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n") + "\n");
    }
    blocks
}

#[test]
fn the_documented_commands_sign_a_spec_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("user.pem");
    let mut scene = Scene::new();
    scene.user = KeyPair::generate();
    write_key_file(&key_file, &scene.user, None).unwrap();
    let blocks = blocks();
    assert_eq!(blocks.len(), 2, "one block signs, one sends");
    assert!(blocks[1].contains("curl "));

    let script = format!("set -euo pipefail\n{}cat \"$work/envelope.json\"\n", blocks[0]);
    let ran = Command::new("bash")
        .args(["-c", &script])
        .env("COLONY_ID", scene.colony.id().to_string())
        .env("KEY_FILE", &key_file)
        .env("EXECUTOR_TYPE", "finance")
        .env("FUNCTION", "billing.apply")
        .env("ARGS", "{\"customer\": \"cus_1\", \"name\": \"Zoë\", \"n\": 1.0}")
        // Far from UTC, so that a local time in a document would show.
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));

    let envelope = Envelope::from_json(&ran.stdout).unwrap();
    let spec: apiary_identity::Spec = envelope.open().unwrap();
    assert_eq!(spec.args().to_bytes().unwrap(), "{\"customer\": \"cus_1\", \"name\": \"Zoë\", \"n\": 1.0}");
    let mut grant = scene.user_grant();
    (grant.valid_from, grant.valid_until) = (spec.made_at().unwrap(), spec.submit_by);
    let verified = verify_spec(&scene.colony.id(), &scene.granted(&grant), &envelope).unwrap();
    assert_eq!(verified.spec.submit_by.duration_since(spec.made_at().unwrap()).as_secs(), 3600);
}
