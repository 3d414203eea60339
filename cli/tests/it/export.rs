//! Tests of `apiary process export`, and of `verify` on its file: offline, with the colony's id alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_tests::flip;
use serde_json::{Value, json};

use crate::local::Local;
use crate::scene::{Ran, Scene};

/// A change of an exported process.
type Tamper = fn(&mut Value);

/// Tampering, each with the link that it breaks.
const TAMPERING: [(&str, Tamper); 9] = [
    ("spec", |bundle| flip(&mut bundle["spec"]["payload"])),
    ("spec", |bundle| flip(&mut bundle["spec"]["signatures"][0]["sig"])),
    ("grant", |bundle| flip(&mut bundle["submitter_grant"]["payload"])),
    ("spec", |bundle| bundle["process"]["function"] = json!("sleep")),
    ("spec", |bundle| bundle["process"]["labels"] = json!({ "more": "x" })),
    ("attempt 1", |bundle| flip(&mut bundle["attempts"][0]["result"]["payload"])),
    ("attempt 1", |bundle| bundle["attempts"][0]["result"] = Value::Null),
    ("attempt 1", |bundle| bundle["attempts"][0]["executor_grant"] = bundle["submitter_grant"].clone()),
    ("result", |bundle| bundle["process"]["state"] = json!("failed")),
];

#[test]
fn an_exported_process_is_verified_without_a_broker() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let process_id = local.echo(r#"{"hello":"world"}"#);
    let exported = local.run(&["process", "export", &process_id]).ok();
    let colony = local.announced["colony"].as_str().unwrap().to_owned();
    let bundle: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(local.run(&["-o", "json", "process", "export", "latest"]).json(), bundle);
    assert_eq!(local.stop().0, Some(0));

    let verified = verify(&scene, &bundle, &colony);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.contains(&process_id) && !verified.stdout.contains("BROKEN"), "{}", verified.stdout);
    for (link, tamper) in TAMPERING {
        let mut tampered = bundle.clone();
        tamper(&mut tampered);
        let ran = verify(&scene, &tampered, &colony);
        assert_eq!(ran.code, 6, "{link}: {}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("is broken at its {link}:")), "{link}: {}", ran.stderr);
    }
    let other = apiary_identity::KeyPair::generate().id().to_string();
    let ran = verify(&scene, &bundle, &other);
    assert!(ran.code == 6 && ran.stderr.contains(&format!("not of {other}")), "{}", ran.stderr);
    let mut claimed = bundle.clone();
    claimed["colony"] = json!(other);
    assert_eq!(verify(&scene, &claimed, &colony).code, 6, "the file says so");
    // The same values in the same order, as a list.
    let values = |object: &Value| Value::Array(object.as_object().unwrap().values().cloned().collect());
    for part in ["", "/process", "/attempts/0"] {
        let mut listed = bundle.clone();
        let listed_part = listed.pointer_mut(part).unwrap();
        *listed_part = values(listed_part);
        let ran = verify(&scene, &listed, &colony);
        assert!(ran.code == 2 && ran.stderr.contains("expected a JSON object"), "{part}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_exported_process_is_refused_with_advice() {
    let scene = Scene::new();
    let colony = apiary_identity::KeyPair::generate().id().to_string();
    for (bundle, words) in [
        (json!({}), "missing field `format`"),
        (json!([]), "not a process as `apiary process export` writes it"),
        (json!({ "format": "x" }), "not a process"),
    ] {
        let ran = verify(&scene, &bundle, &colony);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let absent = scene.run(&["process", "verify", "./absent.json", "--colony", &colony]);
    assert_eq!(absent.code, 5, "{}", absent.stderr);
    let mistyped = scene.run(&["process", "verify", "latst", "--colony", &colony]);
    assert!(mistyped.code == 2 && mistyped.stderr.contains("./process.json"), "{}", mistyped.stderr);
}

fn verify(scene: &Scene, bundle: &Value, colony: &str) -> Ran {
    std::fs::write(scene.path("process.json"), bundle.to_string()).unwrap();
    scene.run(&["process", "verify", "./process.json", "--colony", colony])
}
