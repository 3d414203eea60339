//! `apiary process cancel`, `redrive`, `discard`, `retry` and `delete`, through a running colony.

use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::scene::Scene;

#[test]
fn what_runs_is_told_and_what_waits_is_cancelled_at_once() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let running = submit(&local, &["--type", "echo", "--function", "sleep", "--args", "{\"ms\":600000}"]);
    wait_for(&local, &running, "running");
    let words = local.run(&["process", "cancel", &running, "--reason", "wrong customer", "--grace", "1s"]).ok();
    assert!(words.contains("running, being cancelled"), "{words}");
    // The sleeper's next heartbeat is later than that: the broker ends it.
    wait_for(&local, &running, "cancelled");
    let shown = local.run(&["process", "get", &running, "-o", "json"]).json();
    assert_eq!((&shown["ended_by"], &shown["reason"]), (&"operator".into(), &"wrong customer".into()));
    assert!(local.run(&["process", "get", &running]).ok().contains("ended by     operator"));

    let waiting = submit(&local, &["--type", "nobody", "--function", "f"]);
    let cancelled = local.run(&["process", "cancel", &waiting, "-o", "json"]).json();
    assert_eq!(cancelled["state"], "cancelled");
    let words = local.run(&["process", "cancel", &waiting]).fails_with(3);
    assert!(words.contains("`cancelled`") && words.contains("STATE_CONFLICT"), "{words}");
    for verb in ["redrive", "discard", "retry"] {
        let words = local.run(&["process", verb, &waiting]).fails_with(3);
        assert!(words.contains("STATE_CONFLICT"), "{verb}: {words}");
    }
    assert!(local.run(&["process", "verify", &running]).ok().contains("cancelled"));
}

#[test]
fn a_failed_process_is_redriven_with_its_arguments_byte_by_byte() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let args = "{\"message\" :  \"no luck\", \"retryable\": false}";
    let failed = submit(&local, &["--type", "echo", "--function", "fail", "--args", args, "--label", "a=b"]);
    wait_for(&local, &failed, "dead_letter");
    local.run(&["process", "redrive", &failed]).ok();
    wait_for(&local, &failed, "dead_letter");
    assert_eq!(local.run(&["process", "get", &failed, "-o", "json"]).json()["attempt"], 2);
    assert!(local.run(&["process", "verify", &failed]).ok().contains("dead_letter"));

    let redriven = ["process", "redrive", &failed, "--executor-type", "elsewhere", "--priority", "7", "-o", "json"];
    let new = local.run(&redriven).json();
    assert_eq!((&new["state"], &new["executor_type"]), (&"waiting".into(), &"elsewhere".into()));
    assert_eq!((&new["priority"], &new["labels"]["a"]), (&7.into(), &"b".into()));
    let new_id = new["process_id"].as_str().unwrap().to_owned();
    assert!(local.run(&["process", "get", &new_id]).ok().contains(args), "the arguments are the same, to the space");
    let old = local.run(&["process", "get", &failed, "-o", "json"]).json();
    assert_eq!(old["reason"], format!("redriven as {new_id}"));
    let words = local.run(&["process", "discard", &failed]).fails_with(3);
    assert!(words.contains("redriven as another"), "{words}");
    let again = local.run(&["process", "redrive", &failed, "--executor-type", "elsewhere"]).fails_with(3);
    assert!(again.contains("redriven as another"), "the same work is not done twice: {again}");
    let all = ["bulk", "start", "cancel", "--yes", "--wait"];
    assert!(local.run(&all).fails_with(2).contains("--all"));
    assert!(local.run(&[&all[..], &["--type", ""]].concat()).fails_with(2).contains("it is empty"));
    assert!(local.run(&[&all[..], &["--all"]].concat()).ok().contains("1 of 1 changed"));
}

#[test]
fn work_that_is_put_off_can_be_tried_now() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let process_id = submit(&local, &["--type", "echo", "--function", "snooze", "--args", "{\"ms\":3600000}"]);
    wait_for(&local, &process_id, "blocked");
    let shown = local.run(&["process", "get", &process_id, "-o", "json"]).json();
    assert_eq!((&shown["blocked_cause"], &shown["retries_spent"]), (&"snooze".into(), &0.into()));
    local.run(&["process", "retry", &process_id]).ok();
    wait_for(&local, &process_id, "succeeded");
}

#[test]
fn work_that_waits_for_other_work_says_so_and_goes_on_after_it() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let parent = submit(&local, &["--type", "echo", "--function", "snooze", "--args", "{\"ms\":3600000}"]);
    wait_for(&local, &parent, "blocked");
    let child = submit(&local, &["--type", "echo", "--function", "echo", "--after", &parent]);
    let why = local.run(&["process", "explain", &child]).ok();
    assert!(why.contains(&format!("it waits for 1 parent to succeed: {parent} (blocked)")), "{why}");
    assert!(!why.contains("held by"), "once is enough: {why}");
    let shown = local.run(&["process", "get", &child]).ok();
    assert!(shown.contains(&format!("after        {parent}")) && shown.contains("waits for    parents"), "{shown}");
    assert_eq!(local.run(&["process", "get", &child, "-o", "json"]).json()["terms"]["parents"][0], parent);
    let refused = local.run(&["process", "retry", &child]).fails_with(3);
    assert!(refused.contains("waits for its parents"), "{refused}");
    local.run(&["process", "retry", &parent]).ok();
    wait_for(&local, &child, "succeeded");
    assert!(local.run(&["process", "verify", &child]).ok().contains("succeeded"));

    let again = ["process", "submit", "--type", "echo", "--function", "echo", "--after"];
    local.run(&[&again[..], &["yesterday"]].concat()).fails_with(2);
    let stranger = uuid::Uuid::now_v7().to_string();
    let refused = local.run(&[&again[..], &[&stranger]].concat()).fails_with(5);
    assert!(refused.contains(&format!("no process {stranger}")), "{refused}");
}

#[test]
fn only_the_colonys_key_deletes_and_retention_does_it_by_itself() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let process_id = submit(&local, &["--type", "nobody", "--function", "f"]);
    let words = local.run(&["process", "delete", &process_id]).fails_with(3);
    assert!(words.contains("colony's own key"), "{words}");
    let key = scene.path("data/keys/colony.pem");
    let delete = ["process", "delete", &process_id, "--key-file", key.to_str().unwrap()];
    assert_eq!(local.run(&delete).ok(), format!("{process_id} deleted\n"));
    local.run(&["process", "get", &process_id]).fails_with(5);
    let words = scene.run(&["up", "--set", "broker.retain_succeeded=soon"]).fails_with(2);
    assert!(words.contains("broker.retain_succeeded") && words.contains("forever"), "{words}");
}

#[test]
fn a_monitor_reads_the_colonys_health_from_the_exit_code() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    assert_eq!(local.run(&["colony", "health"]).ok(), "nothing needs attention\n");
    let args = ["--type", "echo", "--function", "fail", "--args", "{\"retryable\": false}"];
    wait_for(&local, &submit(&local, &args), "dead_letter");
    for arguments in [&["colony", "health"][..], &["colony", "health", "-q"], &["colony", "health", "-o", "json"]] {
        let ran = local.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (10, ""), "{arguments:?}");
        assert!(ran.stdout.contains("DEAD_LETTERS"), "{}", ran.stdout);
    }
}

fn submit(local: &Local, arguments: &[&str]) -> String {
    local.run(&[&["process", "submit"], arguments].concat()).ok().trim().to_owned()
}

fn wait_for(local: &Local, process_id: &str, state: &str) {
    eventually(state, || {
        let shown = local.run(&["process", "get", process_id, "-o", "json"]).json();
        (shown["state"] == state).then_some(())
    });
}

#[test]
fn a_submit_says_at_once_what_it_met_and_tries_again_what_failed() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let args = "{\"retryable\": false}";
    let spec = ["process", "submit", "--type", "echo", "--function", "fail", "--args", args, "--idempotency-key", "k"];
    let first = local.run(&[&spec[..], &["-o", "json"]].concat()).json();
    let process_id = first["process_id"].as_str().unwrap();
    assert_eq!((&first["existed"], &first["redriven"]), (&false.into(), &false.into()));
    wait_for(&local, process_id, "dead_letter");
    let kept = local.run(&[&spec[..], &["-o", "json"]].concat());
    assert!(kept.stderr.contains("it existed before") && !kept.stderr.contains("differ"), "{}", kept.stderr);
    let mut corrected = spec;
    corrected[7] = "{\"retryable\": true}";
    let differs = local.run(&corrected).stderr;
    assert!(
        differs.contains("its arguments differ from these and stay") && differs.contains("another idempotency key"),
        "{differs}"
    );
    assert_eq!(kept.json()["state"], "dead_letter");
    let again = local.run(&[&spec[..], &["--on-failed", "redrive", "-o", "json", "--wait"]].concat());
    assert!(again.stderr.starts_with(&format!("process {process_id}: it had failed before")), "{}", again.stderr);
    let shown: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&shown["process_id"], &shown["attempt"]), (&first["process_id"], &2.into()));
    assert_eq!(again.code, 1);
    let words = local.run(&[&spec[..8], &["--on-failed", "redrive"]].concat()).fails_with(2);
    assert!(words.contains("--idempotency-key"), "{words}");
}
