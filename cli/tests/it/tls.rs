//! Tests of `apiary tls` with openssl.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::os::unix::fs::MetadataExt as _;

use apiary_identity::{Clock as _, SystemClock};
use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scene::Scene;

/// Returns openssl's output, of both streams.
fn openssl(scene: &Scene, arguments: &[&str]) -> String {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .current_dir(scene.path("."))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

fn mode(scene: &Scene, file: &str) -> u32 {
    scene.path(file).metadata().unwrap().mode() & 0o7777
}

#[test]
fn a_server_and_clients_are_certified_by_an_authority_that_is_made_once() {
    let scene = Scene::new();
    let made = scene.run(&["tls", "new", "Broker.example", "10.0.0.5", "::1", "--client", "finance", "-o", "json"]);
    let made = made.json();
    let settings: Vec<_> = made.as_array().unwrap().iter().map(|file| file["setting"].as_str()).collect();
    let wanted = ["broker.ca_file", "", "broker.tls_certificate", "broker.tls_key", "broker.client_certificate"];
    assert_eq!(settings.iter().map(|setting| setting.unwrap_or_default()).collect::<Vec<_>>()[..5], wanted);
    assert_eq!(made[2]["names"], serde_json::json!(["broker.example", "10.0.0.5", "::1"]));
    for (file, allowed) in [
        ("tls", 0o700),
        ("tls/ca.pem", 0o644),
        ("tls/ca-key.pem", 0o600),
        ("tls/server.pem", 0o644),
        ("tls/server-key.pem", 0o600),
        ("tls/finance-key.pem", 0o600),
    ] {
        assert_eq!(mode(&scene, file), allowed, "{file}");
    }
    // The strict rules are those of Python 3.13 and of Go.
    let verify = ["verify", "-x509_strict", "-CAfile", "tls/ca.pem", "-purpose"];
    for (purpose, file, holds) in [
        ("sslserver", "tls/server.pem", true),
        ("sslclient", "tls/server.pem", false),
        ("sslclient", "tls/finance.pem", true),
        ("sslserver", "tls/finance.pem", false),
    ] {
        let words = openssl(&scene, &[&verify[..], &[purpose, file]].concat());
        assert_eq!(words.trim() == format!("{file}: OK"), holds, "{purpose} {file}: {words}");
    }
    let shown = openssl(&scene, &["x509", "-in", "tls/server.pem", "-noout", "-text"]);
    assert!(shown.contains("DNS:broker.example, IP Address:10.0.0.5, IP Address:0:0:0:0:0:0:0:1"), "{shown}");

    let authority = scene.read("tls/ca.pem");
    scene.run(&["tls", "new", "--name", "spare", "spare.example"]).ok();
    assert_eq!(scene.read("tls/ca.pem"), authority, "the authority stays");
    assert_eq!(openssl(&scene, &[&verify[..], &["sslserver", "tls/spare.pem"]].concat()).trim(), "tls/spare.pem: OK");
}

#[test]
fn nothing_is_overwritten_and_a_refused_call_leaves_nothing() {
    let scene = Scene::new();
    scene.run(&["tls", "new", "a.example"]).ok();
    let before =
        ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"].map(|file| scene.read(&format!("tls/{file}")));
    let refused = scene.run(&["tls", "new", "b.example", "--client", "bee"]).fails_with(1);
    assert!(refused.contains("tls/server.pem exists") && refused.contains("apiary tls renew server"), "{refused}");
    assert!(!scene.path("tls/bee.pem").exists() && !scene.path("tls/bee-key.pem").exists());
    let after = ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"].map(|file| scene.read(&format!("tls/{file}")));
    assert_eq!(after, before);
    // Half an authority is none to make another one over.
    std::fs::remove_file(scene.path("tls/ca.pem")).unwrap();
    let half = scene.run(&["tls", "new", "c.example", "--name", "c"]).fails_with(1);
    assert!(half.contains("tls/ca-key.pem exists"), "{half}");
}

#[test]
fn a_certificate_is_renewed_for_the_same_names_and_key() {
    let scene = Scene::new();
    scene.run(&["tls", "new", "a.example", "127.0.0.1", "--days", "5", "--client", "bee"]).ok();
    let key = scene.read("tls/server-key.pem");
    let public = |file: &str| openssl(&scene, &["x509", "-in", file, "-noout", "-pubkey"]);
    let (before, public_before) = (scene.read("tls/server.pem"), public("tls/server.pem"));
    let renewed = scene.run(&["tls", "renew", "--days", "90", "-o", "json"]).json();
    assert_eq!(renewed[0]["names"], serde_json::json!(["a.example", "127.0.0.1"]));
    assert_ne!(scene.read("tls/server.pem"), before);
    assert_eq!((scene.read("tls/server-key.pem"), public("tls/server.pem")), (key, public_before));
    assert_eq!(mode(&scene, "tls/server.pem"), 0o644);
    let ends = openssl(&scene, &["x509", "-in", "tls/server.pem", "-noout", "-checkend", "7000000"]);
    assert!(ends.contains("will not expire"), "{ends}");
    scene.run(&["tls", "renew", "bee"]).ok();
    let client = openssl(&scene, &["verify", "-CAfile", "tls/ca.pem", "-purpose", "sslclient", "tls/bee.pem"]);
    assert_eq!(client.trim(), "tls/bee.pem: OK");
}

#[test]
fn an_authority_that_openssl_made_certifies_too() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("tls")).unwrap();
    let subject = "/C=SE/O=Example AB/CN=Example Root";
    let arguments = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    let files = ["-keyout", "tls/ca-key.pem", "-out", "tls/ca.pem", "-subj", subject];
    openssl(&scene, &[&arguments[..], &files].concat());
    let made = scene.run(&["tls", "new", "a.example", "-o", "json"]).json();
    let verified = openssl(&scene, &["verify", "-CAfile", "tls/ca.pem", "tls/server.pem"]);
    assert_eq!(verified.trim(), "tls/server.pem: OK");
    let until: jiff::Timestamp = made[0]["until"].as_str().unwrap().parse().unwrap();
    let days = SystemClock.now().until(until).unwrap().total(jiff::Unit::Hour).unwrap() / 24.0;
    assert!((29.0..30.1).contains(&days), "no longer than the authority: {days}");
}

#[test]
fn a_running_broker_takes_up_a_renewed_certificate_at_sighup() {
    let scene = Scene::new();
    scene.run(&["tls", "new", "localhost", "--days", "5"]).ok();
    let log = std::fs::File::create(scene.path("log")).unwrap();
    let mut command = scene.process(&["broker", "--listen", "127.0.0.1:0"]);
    command.env("APIARY_DATABASE_URL", "sqlite:broker.db").env("APIARY_BROKER_TLS_CERTIFICATE", "tls/server.pem");
    let mut broker = command.env("APIARY_BROKER_TLS_KEY", "tls/server-key.pem").stderr(log).spawn().unwrap();
    let address = eventually("the broker is ready", || {
        let log = scene.read("log");
        Some(log.split_once("ready: broker on ")?.1.split_whitespace().next()?.to_owned())
    });
    assert!(scene.read("log").contains("expires on"), "told at the start: {}", scene.read("log"));
    let ends_late = || {
        let shown = openssl(&scene, &["s_client", "-connect", &address, "-CAfile", "tls/ca.pem"]);
        scene.write("shown.pem", &shown);
        let words = openssl(&scene, &["x509", "-in", "shown.pem", "-noout", "-checkend", "6000000"]);
        words.contains("will not expire").then_some(())
    };
    assert_eq!(ends_late(), None);
    scene.run(&["tls", "renew", "--days", "90"]).ok();
    let process = Pid::from_raw(i32::try_from(broker.id()).unwrap());
    kill(process, Signal::SIGHUP).unwrap();
    eventually("the renewed certificate is served", ends_late);
    kill(process, Signal::SIGTERM).unwrap();
    let code = eventually("the broker ends", || broker.try_wait().unwrap()).code();
    assert_eq!(code, Some(0), "{}", scene.read("log"));
}

#[test]
fn what_cannot_be_certified_is_refused_in_words() {
    let scene = Scene::new();
    for (arguments, words) in [
        (&["https://broker.example"][..], "no scheme"),
        (&["broker.example:7420"], "no port"),
        (&["10.0.0.256"], "an IP address"),
        (&["a..example"], "expected a name"),
        (&[], "no certificate is asked for"),
        (&["a.example", "--client", "server"], "two certificates would be named server"),
        (&["--client", "ca"], "two certificates would be named ca"),
        (&["--client", "../bee"], "names files of the folder"),
        (&["a.example", "--days", "0"], "expected a whole number from 1 to 3650"),
    ] {
        let refused = scene.run(&[&["tls", "new"], arguments].concat()).fails_with(2);
        assert!(refused.contains(words), "{arguments:?}: {refused}");
    }
    assert!(!scene.path("tls").exists());
    let missing = scene.run(&["tls", "renew"]).fails_with(5);
    assert!(missing.contains("tls/ca.pem"), "{missing}");
    scene.run(&["tls", "new", "a.example"]).ok();
    assert!(scene.run(&["tls", "renew", "ca"]).fails_with(2).contains("is not renewed"));
    scene.run(&["tls", "new", "b.example", "--out", "other"]).ok();
    std::fs::copy(scene.path("other/ca-key.pem"), scene.path("tls/ca-key.pem")).unwrap();
    let mixed = scene.run(&["tls", "renew"]).fails_with(1);
    assert!(mixed.contains("tls/ca-key.pem is not the key of tls/ca.pem"), "{mixed}");
}
