//! `apiary status`, `snapshot`, `compat` and `top`, against a running colony and without one.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use apiary_tests::blocking::eventually;
use serde_json::json;

use crate::local::Local;
use crate::scene::Scene;

#[test]
fn a_colony_is_shown_on_one_screen_with_the_exit_code_that_a_monitor_expects() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    local.echo("1");
    eventually("all bees are heard", || local.run(&["colony", "health"]).stdout.contains("nothing").then_some(()));
    let words = local.run(&["status"]).ok();
    assert!(words.starts_with("colony `local`: nothing needs attention\nbroker 0."), "{words}");
    assert!(words.contains("1 succeeded") && words.contains("executors  "), "{words}");
    let line = local.run(&["status", "--monitor"]).ok();
    assert!(
        line.starts_with("APIARY OK - nothing needs attention|waiting=0 blocked=0 running=0 dead_letter=0 "),
        "{line}"
    );

    local.run(&["pause", "add", "executor-type", "echo"]).ok();
    let ran = local.run(&["status"]);
    assert_eq!(ran.code, 10, "{}", ran.stdout);
    assert!(ran.stdout.contains("1 thing needs attention") && ran.stdout.contains("PAUSED  "), "{}", ran.stdout);
    let ran = local.run(&["status", "--monitor"]);
    assert_eq!((ran.code, ran.stdout.starts_with("APIARY WARNING - PAUSED: ")), (1, true), "{}", ran.stdout);

    let failed = ["process", "submit", "--type", "finance", "--function", "no.such", "--args", "{}"];
    local.run(&failed).ok();
    let snapshot = eventually("it is a dead letter, or waits", || {
        let snapshot = local.run(&["snapshot"]).json();
        let known = &snapshot["states"];
        (known["dead_letter"] == 1 || known["waiting"] == 1).then_some(snapshot)
    });
    assert_eq!((&snapshot["version"], &snapshot["colony"]["name"]), (&json!(1), &json!("local")));
    assert_eq!(snapshot["pauses"][0]["name"], "echo");
    assert_eq!(snapshot["webhook"]["status"], "ok", "{snapshot}");
    assert!(snapshot["executors"].as_array().unwrap().iter().any(|one| one["name"] == "finance"), "{snapshot}");
}

#[test]
fn a_key_without_the_right_is_told_which_and_a_monitor_that_nothing_is_known() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let key = scene.new_key("ada.pem");
    let grant = [
        &["grant", "add", "--colony-key", "data/keys/colony.pem", "--key", &key, "--role", "user", "--name", "ada"][..],
        &["--function", "*", "--executor-type", "*"],
    ];
    local.run(&grant.concat()).ok();
    for command in ["status", "snapshot"] {
        let error = local.run(&["--key-file", "ada.pem", command]).fails_with(3);
        for words in ["NOT_PERMITTED", "the right `read`", "grant add` adds rights"] {
            assert!(error.contains(words), "{command}, {words}: {error}");
        }
    }
    let ran = local.run(&["--key-file", "ada.pem", "status", "--monitor"]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("APIARY UNKNOWN - ") && ran.stdout.contains("the right `read`"), "{}", ran.stdout);
}

#[test]
fn a_broker_that_is_away_is_named_with_its_address() {
    let scene = Scene::new();
    let colony = scene.new_key("key.pem");
    let away = ["--broker", "http://127.0.0.1:9", "--colony", &colony, "--key-file", "key.pem", "status"];
    let error = scene.run(&away).fails_with(4);
    assert!(error.contains("127.0.0.1:9"), "{error}");
    let ran = scene.run(&[&away[..], &["--monitor"]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("APIARY CRITICAL - no answer from http://127.0.0.1:9: "), "{}", ran.stdout);
    let ran = scene.run(&["status", "--monitor"]);
    assert_eq!((ran.code, ran.stdout.starts_with("APIARY UNKNOWN - ")), (3, true), "{}", ran.stdout);
}

#[test]
fn a_version_says_what_it_speaks_and_stores() {
    let compat = Scene::new().run(&["compat", "--json"]).json();
    assert_eq!((&compat["version"], &compat["protocols"]), (&json!(1), &json!(["apiary.v1", "grpc.health.v1"])));
    assert_eq!(compat["documents"].as_array().unwrap().len(), 7);
    assert_eq!(compat["documents"][0], "application/vnd.apiary.grant.v1+json");
    for database in ["postgres", "sqlite"] {
        assert!(compat["schemas"][database].as_i64().unwrap() >= 3, "{compat}");
    }
    let mut names: Vec<&String> = compat.as_object().unwrap().keys().collect();
    names.sort();
    let known = ["apiary", "documents", "known_gaps", "protocols", "schemas", "snapshot", "transports", "version"];
    assert_eq!(names, known, "the document's shape is that of its version");
}

#[test]
fn top_needs_a_terminal_and_names_what_does_not() {
    let error = Scene::new().run(&["top"]).fails_with(2);
    assert!(error.contains("`top` needs a terminal") && error.contains("`apiary status`"), "{error}");
}

#[test]
fn top_draws_on_a_terminal_and_leaves_it_as_it_was() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let size = nix::pty::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = nix::pty::openpty(&size, None).unwrap();
    let mut command = local.process(&["top", "--every", "1s"]);
    command.env("TERM", "xterm-256color");
    command.stdin(Stdio::from(terminal.slave.try_clone().unwrap()));
    command.stdout(Stdio::from(terminal.slave.try_clone().unwrap())).stderr(Stdio::from(terminal.slave));
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut keyboard = File::from(terminal.master);
    let shown = Arc::new(Mutex::new(String::new()));
    let (mut reader, seen) = (keyboard.try_clone().unwrap(), shown.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The read fails once nobody has the other end.
        while let Ok(length) = reader.read(&mut buffer) {
            seen.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
    let has = |words: &str| shown.lock().unwrap().contains(words);
    eventually("it draws", || (has("\u{1b}[?1049h") && has("executors")).then_some(()));
    keyboard.write_all(b"pq").unwrap();
    let status = eventually("q ends it", || child.try_wait().unwrap());
    assert!(status.success(), "{}", shown.lock().unwrap());
    eventually("the terminal is as it was", || has("\u{1b}[?1049l").then_some(()));
}
