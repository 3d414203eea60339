//! Tests of a process's log as people see it.

use std::process::Stdio;

use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::scene::Scene;

const COUNT: [&str; 6] = ["process", "submit", "--type", "echo", "--function", "count"];

#[test]
fn a_count_that_stumbles_is_followed_to_its_end_and_its_lines_are_found_again() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let args = ["--args", r#"{"to":4,"ms":10,"stumble_at":3}"#, "--follow", "-o", "json"];
    let told = local.run(&[&COUNT[..], &args].concat()).ok();
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<_> = told.iter().filter_map(|one| one["message"].as_str()).collect();
    assert_eq!(
        messages,
        [
            "counted 1",
            "counted 2",
            "stumbled at 3, as it was told to",
            "going on from 2, where an earlier attempt ended",
            "counted 3",
            "counted 4"
        ]
    );
    assert!(told.iter().any(|one| one["progress"] == "2 of 4" && one["percent"] == 50.0), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last["state"].as_str(), last["attempt"].as_i64()), (Some("succeeded"), Some(2)));
    assert_eq!(last["output"]["json"].to_string(), r#"{"from":2,"to":4}"#);
    assert_eq!(
        (last["attributes"][0]["kind"].as_str(), last["attributes"][0]["value"].as_str()),
        (Some("out"), Some("2"))
    );

    let id = last["process_id"].as_str().unwrap();
    let logs = |more: &[&str]| local.run(&[&["process", "logs"][..], more].concat()).ok();
    assert_eq!(logs(&["latest"]).lines().count(), 6);
    assert_eq!(logs(&[id, "--follow"]), logs(&[id]), "a process that is finished is followed at once");
    assert!(logs(&["latest", "--last", "1"]).contains("counted 4 {\"number\":4}"));
    assert!(logs(&["latest", "--level", "warn"]).contains("stumbled"));
    assert_eq!(logs(&["--grep", "COUNTED", "--since", "1h", "--executor", "echo"]).lines().count(), 4);
    assert_eq!(logs(&["--executor", "nobody"]), "");
    let text = local.run(&["process", "get", "latest"]).ok();
    assert!(text.contains("100% 4 of 4") && text.contains("counted_from"), "{text}");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let unknown = "019ab2c4-5d6e-7f80-9123-456789abcdef";
    assert!(local.run(&["process", "logs", unknown]).fails_with(5).contains(unknown));
    assert!(local.run(&["process", "logs", unknown, "--follow"]).fails_with(5).contains(unknown));
    assert!(local.run(&["process", "logs", "--follow"]).fails_with(2).contains("ID"));
    assert!(local.run(&["process", "logs", "--last", "0"]).fails_with(2).contains("a whole number from 1 to 1000"));
    // A process that fails ends the command as `--wait` does.
    let ran = local.run(&["process", "submit", "--type", "echo", "--function", "fail", "--args", "{}", "--follow"]);
    assert!(ran.fails_with(1).contains("dead_letter"));
}

#[test]
fn whoever_waits_is_told_what_holds_the_process() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let nobody = ["process", "submit", "--type", "nobody", "--function", "echo", "--timeout", "8s"];
    for how in ["--wait", "--follow"] {
        let words = local.run(&[&nobody[..], &[how]].concat()).fails_with(1);
        let told = words.lines().filter(|line| line.starts_with("not running: ") && line.contains("`nobody`")).count();
        assert_eq!(told, 1, "once, as nothing changes:\n{words}");
        assert!(words.starts_with("process 0") && words.contains("\nnot running: "), "the id comes first:\n{words}");
        assert!(words.contains("why: `apiary ") && words.contains(" process explain 0"), "{words}");
    }
}

#[test]
fn whoever_waits_is_told_again_when_something_else_holds_the_process() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let submit = ["process", "submit", "--type", "nobody", "--function", "echo", "--wait"];
    let told = std::fs::File::create(scene.path("told")).unwrap();
    let mut waiting = local.process(&submit).stdout(Stdio::null()).stderr(told).spawn().unwrap();
    let is_told = |words: &str| {
        let told = scene.read("told");
        told.lines().any(|line| line.starts_with("not running: ") && line.contains(words)).then_some(())
    };
    eventually("the id is told", || scene.read("told").starts_with("process 0").then_some(()));
    eventually("it is told that nobody runs the work", || is_told("`nobody`"));
    local.run(&["pause", "add", "function", "echo", "--reason", "the valley is closed"]).ok();
    eventually("it is told that the work is paused", || is_told("the valley is closed"));
    local.run(&["process", "cancel", "latest"]).ok();
    let ended = eventually("the wait ends", || waiting.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1), "{}", scene.read("told"));
}

#[test]
fn a_reader_without_the_right_to_payloads_is_told_what_it_lacks() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    local.run(&[&COUNT[..], &["--args", r#"{"to":2,"ms":1}"#, "--wait"]].concat()).ok();
    let (colony, key) = (scene.path("data/keys/colony.pem"), scene.new_key("looker.pem"));
    let grant = ["grant", "add", "--key", &key, "--role", "user", "--name", "looker", "--right", "read"];
    local.run(&[&grant[..], &["--colony-key", colony.to_str().unwrap()]].concat()).ok();
    assert!(local.run(&["grant", "list"]).ok().contains("view_payloads"), "the operator's rights are listed");
    let key_file = scene.path("looker.pem");
    let as_looker = |arguments: &[&str]| {
        local.run(&[&["process"][..], arguments, &["latest", "--key-file", key_file.to_str().unwrap()]].concat())
    };
    const HIDDEN: &str = "hidden: needs the right `view_payloads`";
    let shown = as_looker(&["show"]).ok();
    assert!(shown.contains(HIDDEN) && shown.contains("succeeded") && !shown.contains("\"to\""), "{shown}");
    assert_eq!(as_looker(&["show", "-o", "json"]).json()["payload_hidden"], true);
    let logs = as_looker(&["logs"]).ok();
    assert!(logs.lines().count() == 2 && logs.lines().all(|line| line.contains(HIDDEN)), "{logs}");
    let verified = as_looker(&["verify"]);
    assert!(verified.stdout.contains("hidden") && verified.stdout.contains("holds"), "{}", verified.stdout);
    let words = verified.fails_with(3);
    assert!(words.contains("was not verified"), "{words}");
    let words = as_looker(&["export"]).fails_with(3);
    assert!(words.contains("cannot be exported") && words.contains("view_payloads"), "{words}");
    // The colony's log says so, too, and a text that cannot be searched is no empty answer.
    let logs = |more: &[&str]| {
        local.run(&[&["process", "logs"][..], more, &["--key-file", key_file.to_str().unwrap()]].concat())
    };
    assert!(logs(&[]).ok().lines().all(|line| line.contains(HIDDEN)));
    for more in [&["--grep", "counted"][..], &["latest", "--grep", "counted"], &["latest", "--grep", "c", "--follow"]] {
        assert!(logs(more).fails_with(3).contains("view_payloads"), "{more:?}");
    }
    assert!(logs(&["latest", "--follow"]).ok().contains(HIDDEN));
    let listed = local.run(&["process", "list", "--key-file", key_file.to_str().unwrap()]).ok();
    assert!(listed.contains("succeeded") && !listed.contains("\"to\""), "{listed}");
}

#[test]
fn whoever_waits_for_what_another_submitted_sees_its_end_and_not_its_output() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let submit = [&COUNT[..], &["--args", r#"{"to":2,"ms":1}"#, "--idempotency-key", "once", "--wait"]].concat();
    assert!(local.run(&submit).ok().contains("\"to\":2"), "the submitter sees it all");
    let (colony, key) = (scene.path("data/keys/colony.pem"), scene.new_key("other.pem"));
    let grant = ["grant", "add", "--key", &key, "--role", "user", "--name", "other", "--right", "read"];
    let scopes = ["--function", "*", "--executor-type", "*", "--colony-key", colony.to_str().unwrap()];
    local.run(&[&grant[..], &scopes].concat()).ok();
    let key_file = scene.path("other.pem");
    let ran = local.run(&[&submit[..], &["--key-file", key_file.to_str().unwrap()]].concat());
    assert!(ran.stderr.contains("it existed before"), "{}", ran.stderr);
    let shown = ran.ok();
    assert!(shown.contains("hidden: needs the right `view_payloads`"), "{shown}");
    assert!(shown.contains("succeeded") && !shown.contains("\"to\""), "{shown}");
}
