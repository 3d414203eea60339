//! Tests of the output streams and exit codes.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;

use crate::scene::Scene;

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let scene = Scene::new();
    let mut child =
        scene.process(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The script is larger than a pipe holds, so the program writes into a pipe that nobody reads.
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!(words, "");
}

#[test]
fn a_broker_that_is_not_there_is_code_4_with_a_hint() {
    let scene = Scene::new();
    let colony = scene.new_key("key.pem");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let broker = format!("http://{taken}");
    let client = ["--broker", &broker, "--colony", &colony, "--key-file", "key.pem"];
    for command in [&["process", "list"][..], &["colony", "show"], &["grant", "list"]] {
        let words = scene.run(&[command, &client].concat()).fails_with(4);
        assert!(words.contains("cannot be reached") && words.contains("hint: is `apiary up`"), "{words}");
    }
}

#[test]
fn what_is_missing_is_said_before_anything_is_sent() {
    let scene = Scene::new();
    let words = scene.run(&["process", "list"]).fails_with(2);
    assert!(words.contains("no colony is set") && words.contains("APIARY_COLONY"), "{words}");
    let colony = scene.new_key("key.pem");
    let words = scene.run(&["process", "list", "--colony", &colony]).fails_with(2);
    assert!(words.contains("no key is set") && words.contains("APIARY_KEY_FILE"), "{words}");
    let words =
        scene.run(&["process", "list", "--broker", "http://10.0.0.1:1", "--colony", &colony, "--key-file", "key.pem"]);
    assert!(words.fails_with(2).contains("plain text would leave this machine"));
}

#[test]
fn colours_are_for_terminals() {
    let scene = Scene::new();
    assert!(!scene.run(&["process", "list"]).stderr.contains('\u{1b}'));
    assert!(scene.run(&["process", "list", "--color", "always"]).stderr.contains("\u{1b}["));
    assert!(!scene.run(&["process", "list", "--color", "never"]).stderr.contains('\u{1b}'));
}
