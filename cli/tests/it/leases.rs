//! `apiary lease`: an executor made of commands, through a running colony.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use apiary_tests::blocking::eventually;
use serde_json::{Value, json};

use crate::local::Local;
use crate::scene::{Ran, Scene};
use crate::tampering::{alter, alter_document};

/// A colony, and the key of its executor `by-hand`.
struct Desk {
    local: Local,
    scene: Scene,
}

#[test]
fn work_is_claimed_told_of_and_completed() {
    let desk = Desk::new();
    let options = ["--label", "shop=lund", "--env", "LANG=sv", "--max-exec", "10m", "--args", r#"{"pages": 1.50}"#];
    let process_id = desk.submit("print", &options);
    let line = desk.claim(&[]).ok();
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    desk.scene.write("lease.json", &line);
    let lease: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&lease["process_id"], &lease["attempt"]), (&json!(process_id), &json!(1)));
    assert_eq!((&lease["function"], &lease["executor_type"]), (&json!("print"), &json!("hand")));
    assert_eq!((&lease["labels"]["shop"], &lease["env"]["LANG"]), (&json!("lund"), &json!("sv")));
    assert_eq!((&lease["submitter"], &lease["args"]), (&json!("operator"), &json!({"json": {"pages": 1.50}})));
    assert!(lease["deadline"].is_string() && lease["expires_at"].is_string(), "{lease}");
    assert_eq!(desk.lease("args", &[]).ok(), r#"{"pages": 1.50}"#);

    let renewed = desk.lease("renew", &["--for", "5m", "-o", "json"]).json();
    assert_eq!((&renewed["cancelled"], &renewed["drain"]), (&json!(false), &json!(false)));
    assert!(renewed["expires_at"].as_str() > lease["expires_at"].as_str(), "{renewed}");
    desk.lease("report", &["--percent", "40", "--message", "page 1", "--checkpoint", r#"{"page":1}"#]).ok();
    desk.lease("report", &["--percent", "41.5", "--output-json", "[1]"]).ok();
    desk.lease("log", &["--level", "warn", "--field", "pages=12", "--field", "tray=b", "low on paper"]).ok();
    desk.scene.write("said", "one\ntwo\n");
    let mut piped = desk.command("log", &["--level", "stdout", "-"]);
    crate::scene::run(piped.write_stdin(desk.scene.read("said"))).ok();
    desk.lease("set", &["out", "pages", "12"]).ok();
    let shown = desk.get(&process_id);
    assert_eq!((&shown["percent"], &shown["progress"]), (&json!(41.5), &json!("page 1")));
    assert_eq!(shown["output_so_far"]["json"], json!([1]));
    assert_eq!((&shown["attributes"][0]["kind"], &shown["attributes"][0]["value"]), (&json!("out"), &json!("12")));
    let logged = desk.local.run(&["process", "logs", &process_id, "-o", "json"]).ok();
    let logged: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = logged.iter().map(|line| (&line["level"], &line["message"])).collect();
    let (warn, stdout) = (json!("warn"), json!("stdout"));
    assert_eq!(told, [(&warn, &json!("low on paper")), (&stdout, &json!("one")), (&stdout, &json!("two"))]);
    assert_eq!(logged[0]["fields"], json!({"pages": 12, "tray": "b"}));

    let ended = desk.lease("complete", &["--output-json", r#"{"done":true}"#, "-o", "json"]).json();
    assert_eq!(ended["outcome"], "succeeded");
    let shown = desk.get(&process_id);
    assert_eq!((&shown["state"], &shown["output"]["json"]), (&json!("succeeded"), &json!({"done": true})));
    let verified = desk.local.run(&["process", "verify", &process_id]).ok();
    assert!(verified.contains("`by-hand` signed succeeded"), "{verified}");
    let words = desk.lease("log", &["too late"]).fails_with(3);
    assert!(words.contains("LEASE_LOST"), "{words}");
}

#[test]
fn a_failure_is_tried_again_and_the_next_attempt_finds_the_checkpoint() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &["--max-retries", "3", "--executor", "by-hand"]);
    desk.take(&[]);
    desk.scene.write("state.bin", "page 7");
    desk.lease("report", &["--checkpoint-file", "state.bin"]).ok();
    let ended = desk.lease("fail", &["--message", "out of paper", "--retry-after", "100ms", "-o", "json"]).json();
    assert_eq!(ended["outcome"], "failed_retryable");
    assert!(ended["retry_at"].is_string(), "{ended}");

    let lease = desk.take(&["--wait", "40s"]);
    assert_eq!((&lease["attempt"], &lease["checkpoint"]["base64"]), (&json!(2), &json!("cGFnZSA3")));
    let ended = desk.lease("fail", &["--message", "no such page", "--final", "-o", "json"]).json();
    assert_eq!((&ended["outcome"], ended.get("retry_at")), (&json!("failed_final"), None));
    let shown = desk.get(&process_id);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("dead_letter"), &json!("no such page")));
}

#[test]
fn work_that_is_given_back_comes_again_when_its_delay_is_over() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &["--max-retries", "0"]);
    desk.take(&[]);
    let words = desk.lease("release", &["--delay", "1h"]).ok();
    assert!(words.contains(&process_id), "{words}");
    let shown = desk.get(&process_id);
    assert_eq!((&shown["state"], &shown["blocked_cause"]), (&json!("blocked"), &json!("snooze")));
    desk.local.run(&["process", "retry", &process_id]).ok();
    assert_eq!(desk.take(&[])["attempt"], 2, "no retry was spent");
    desk.lease("release", &[]).ok();
    assert_eq!(desk.take(&[])["attempt"], 3);
}

#[test]
fn a_renewal_tells_of_a_cancellation() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &[]);
    desk.take(&[]);
    desk.local.run(&["process", "cancel", &process_id, "--reason", "wrong\tpage", "--grace", "10m"]).ok();
    let renewed = desk.lease("renew", &["-o", "json"]);
    assert_eq!((renewed.code, renewed.stderr.as_str()), (9, ""), "{}", renewed.stdout);
    let renewed: Value = serde_json::from_str(&renewed.stdout).unwrap();
    assert_eq!((&renewed["cancelled"], &renewed["cancel_reason"]), (&json!(true), &json!("wrong\tpage")));
    assert!(renewed["cancel_deadline"].is_string(), "{renewed}");
    let told = desk.lease("renew", &[]);
    assert_eq!(told.code, 9);
    assert!(told.stdout.contains("being cancelled") && told.stdout.contains("wrong page"), "{}", told.stdout);
    desk.lease("fail", &["--cancelled", "--message", "stopped at once"]).ok();
    let shown = desk.get(&process_id);
    assert_eq!((&shown["state"], &shown["attempts"][0]["outcome"]), (&json!("cancelled"), &json!("cancelled")));
}

#[test]
fn nothing_to_do_is_told_by_the_exit_code_alone() {
    let desk = Desk::new();
    for wait in ["0", "1s"] {
        let ran = desk.claim(&["--wait", wait]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (8, "", ""), "{wait}");
    }
}

#[test]
fn several_leases_are_several_lines() {
    let desk = Desk::new();
    let mut submitted: Vec<String> = (0..3).map(|_| desk.submit("print", &[])).collect();
    let lines = desk.claim(&["--count", "2"]).ok();
    let mut claimed: Vec<String> = lines.lines().map(process_id).collect();
    assert_eq!(claimed.len(), 2);
    claimed.push(process_id(desk.claim(&["--count", "1000"]).ok().trim()));
    submitted.sort();
    claimed.sort();
    assert_eq!(claimed, submitted);
    desk.scene.write("lease.json", &lines);
    let words = desk.lease("renew", &[]).fails_with(2);
    assert!(words.contains("a line printed") && words.contains("in a file of its own"), "{words}");
}

#[test]
fn a_lease_that_was_altered_or_is_anothers_is_refused_before_anything_is_sent() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &["--args", r#"{"to":"ada"}"#]);
    desk.take(&[]);
    let line = desk.scene.read("lease.json");
    // Nobody listens there: what would be sent could not be.
    let offline = |key: &str, text: &str| {
        desk.scene.write("forged.json", text);
        let all = ["--key-file", key, "--broker", "http://127.0.0.1:1", "lease", "complete", "--lease", "forged.json"];
        desk.local.run(&all)
    };
    let other = desk.submit("print", &[]);
    for (from, to) in [
        (r#""attempt":1"#, r#""attempt":2"#),
        (r#""to":"ada""#, r#""to":"eve""#),
        (process_id.as_str(), other.as_str()),
        (r#""payloadType":"application/vnd.apiary.spec"#, r#""payloadType":"application/vnd.apiary.sp3c"#),
        (r#""labels":{}"#, r#""labels":{ }"#),
        (r#""env":{},"#, ""),
    ] {
        assert!(line.contains(from), "{from} is in {line}");
        let words = offline("hand.pem", &line.replacen(from, to, 1)).fails_with(6);
        assert!(words.contains("was changed since `lease claim` printed it"), "{to}: {words}");
    }
    for (text, expected) in [("", "no lease in it"), ("{}", "is missing"), ("[1]", "not a line printed")] {
        let words = offline("hand.pem", text);
        assert!(matches!(words.code, 2 | 6) && words.stderr.contains(expected), "{text}: {}", words.stderr);
    }
    let words = offline("data/keys/operator.pem", &line).fails_with(2);
    assert!(words.contains("the lease is that of key"), "{words}");
    let stranger = desk.scene.new_key("stranger.pem");
    let elsewhere = ["--colony", &stranger, "--key-file", "hand.pem", "lease", "renew", "--lease", "lease.json"];
    let words = desk.local.run(&elsewhere).fails_with(2);
    assert!(words.contains("the lease is of colony"), "{words}");
    // As it was printed, it would be sent; and it still can be, where somebody listens.
    assert_eq!(desk.get(&process_id)["state"], "running");
    desk.lease("complete", &[]).ok();
}

#[test]
fn a_lease_is_read_from_standard_input_if_nothing_else_is() {
    let desk = Desk::new();
    desk.submit("print", &[]);
    let line = desk.claim(&[]).ok();
    let piped = |verb: &str, more: &[&str]| {
        let all = [&["--key-file", "hand.pem", "lease", verb, "--lease", "-"], more].concat();
        crate::scene::run(desk.local.command(&all).write_stdin(line.as_bytes()))
    };
    piped("renew", &[]).ok();
    for (verb, more) in
        [("complete", &["--output-file", "-"][..]), ("log", &["-"]), ("report", &["--checkpoint-file", "-"])]
    {
        let words = piped(verb, more).fails_with(2);
        assert!(words.contains("standard input cannot be two files"), "{words}");
    }
    piped("complete", &[]).ok();
}

#[test]
fn work_that_the_guard_refuses_is_never_printed() {
    let desk = Desk::new();
    let evil = desk.submit("shell", &["--args", r#"{"command":"rm -rf /"}"#]);
    let aimed = desk.submit("print", &["--executor", "by-hand"]);
    let good = desk.submit("print", &[]);
    let ran = desk.run(&["lease", "claim", "--type", "hand", "--count", "9", "--wait", "20s"]);
    let (code, printed) = (ran.code, &ran.stdout);
    assert_eq!((code, printed.lines().map(process_id).collect::<Vec<_>>()), (0, vec![good]), "{}", ran.stderr);
    assert!(ran.stderr.contains("the guard refused work") && ran.stderr.contains("default:shell"), "{}", ran.stderr);
    for (process, expected) in [(evil, "guard: rule `default:shell`"), (aimed, "does not know its own name")] {
        let shown = desk.get(&process);
        assert_eq!(shown["state"], "dead_letter", "{shown}");
        assert!(shown["reason"].as_str().unwrap().contains(expected), "{shown}");
    }
}

#[test]
fn the_colonys_rules_and_those_of_a_file_are_asked_too() {
    let desk = Desk::new();
    let small = r#"[{"name":"small","executor_type":"hand","function":"print","schema":{"properties":{"pages":{"maximum":9}}}}]"#;
    desk.scene.write("rules.json", small);
    desk.local.run(&["guard", "set", "--rules", "rules.json", "--colony-key", "data/keys/colony.pem"]).ok();
    let many = desk.submit("print", &["--args", r#"{"pages":10}"#]);
    let ran = desk.claim(&["--wait", "1s"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (8, ""));
    assert!(ran.stderr.contains("rule=\"small\"") || ran.stderr.contains("small"), "{}", ran.stderr);
    assert_eq!(desk.get(&many)["state"], "dead_letter");

    desk.scene.write(
        "own.json",
        r#"[{"name":"own","executor_type":"hand","function":"print","schema":{"required":["pages"]}}]"#,
    );
    let none = desk.submit("print", &["--args", "{}"]);
    let ran = desk.claim(&["--wait", "1s", "--set", "bee.guard_file=own.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (8, ""), "{}", ran.stderr);
    assert!(desk.get(&none)["reason"].as_str().unwrap().contains("rule `own`"));
}

#[test]
fn work_that_was_altered_in_the_database_is_refused_and_never_printed() {
    let desk = Desk::new();
    let database = desk.scene.path("data/broker.db");
    let refused = |process_id: &str, altered: &str| {
        let ran = desk.claim(&["--wait", "1s"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (8, ""), "{altered}: {}", ran.stderr);
        assert!(ran.stderr.contains(process_id), "{altered}: {}", ran.stderr);
        assert_eq!(desk.get(process_id)["state"], "dead_letter", "{altered}");
    };
    let submit = || desk.submit("print", &["--args", r#"{"to":"ada"}"#]);
    let process_id = submit();
    alter_document(&database, "specs", "payload", &process_id, "ada", "eve");
    refused(&process_id, "the document");
    for sql in [
        "UPDATE specs SET signature = zeroblob(64) WHERE process_id = ?1",
        "UPDATE specs SET submitter = (SELECT key FROM grants WHERE name = 'stripe-adapter') WHERE process_id = ?1",
    ] {
        let process_id = submit();
        alter(&database, sql, Some(&process_id));
        refused(&process_id, sql);
    }
}

#[test]
fn a_drained_executor_waits_as_if_there_were_no_work() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &[]);
    desk.take(&[]);
    desk.local.run(&["executor", "drain", "by-hand"]).ok();
    assert_eq!(desk.lease("renew", &["-o", "json"]).json()["drain"], true);
    desk.lease("release", &[]).ok();
    let begun = std::time::Instant::now();
    let ran = desk.claim(&["--wait", "2s"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (8, ""), "{}", ran.stderr);
    assert!(begun.elapsed() >= std::time::Duration::from_secs(2), "a loop would spin");
    desk.local.run(&["executor", "drain", "by-hand", "--off"]).ok();
    assert_eq!(desk.take(&[])["process_id"], json!(process_id));
}

#[test]
fn work_that_needs_more_than_is_offered_is_not_claimed() {
    let desk = Desk::new();
    let process_id = desk.submit("print", &["--gpus", "1", "--tag", "cuda", "--location", "lund"]);
    assert_eq!(desk.claim(&["--wait", "0", "--gpus", "1", "--tag", "ocr", "--location", "lund"]).code, 8);
    let lease = desk.take(&["--gpus", "1", "--tag", "ocr", "--tag", "cuda", "--location", "lund"]);
    assert_eq!(lease["process_id"], json!(process_id));
    let words = desk.claim(&["--gpus", "many"]).fails_with(2);
    assert!(words.contains("bee.gpus"), "{words}");
}

#[test]
fn a_function_that_it_does_not_do_fails_for_good() {
    let desk = Desk::new();
    let process_id = desk.submit("scan", &[]);
    assert_eq!(desk.claim(&["--wait", "0", "--function", "print"]).code, 8);
    let shown = desk.get(&process_id);
    assert_eq!(shown["state"], "dead_letter");
    assert!(shown["reason"].as_str().unwrap().contains("no handler for function `scan`"), "{shown}");
}

#[test]
fn logging_ends_when_the_lease_is_lost_though_its_input_goes_on() {
    let desk = Desk::new();
    desk.submit("print", &[]);
    desk.take(&[]);
    let mut logging = desk.process("log", &["-"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = logging.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"held\n").unwrap();
    eventually("the line is there", || {
        let logged = desk.local.run(&["process", "logs", "latest"]).ok();
        logged.contains("held").then_some(())
    });
    desk.lease("release", &["--delay", "1h"]).ok();
    std::io::Write::write_all(&mut input, b"lost\n").unwrap();
    let status = eventually("it ends", || logging.try_wait().unwrap());
    assert_eq!(status.code(), Some(3));
}

impl Desk {
    fn new() -> Self {
        let scene = Scene::new();
        let local = Local::start(&scene);
        let key = scene.new_key("hand.pem");
        let grant = [
            &["grant", "add", "--colony-key", "data/keys/colony.pem", "--key", &key, "--role", "executor"][..],
            &["--name", "by-hand", "--function", "*", "--executor-type", "hand"],
        ];
        local.run(&grant.concat()).ok();
        Self { local, scene }
    }

    /// Runs the program with the executor's key.
    fn run(&self, arguments: &[&str]) -> Ran {
        self.local.run(&[&["--key-file", "hand.pem"], arguments].concat())
    }

    fn claim(&self, options: &[&str]) -> Ran {
        self.run(&[&["lease", "claim", "--type", "hand", "--name", "by-hand"], options].concat())
    }

    /// Claims into `lease.json`.
    fn take(&self, options: &[&str]) -> Value {
        let line = self.claim(options).ok();
        self.scene.write("lease.json", &line);
        serde_json::from_str(&line).unwrap()
    }

    /// Runs a verb on `lease.json`.
    fn lease(&self, verb: &str, options: &[&str]) -> Ran {
        self.run(&[&["lease", verb, "--lease", "lease.json"], options].concat())
    }

    fn command(&self, verb: &str, options: &[&str]) -> assert_cmd::Command {
        self.local.command(&[&["--key-file", "hand.pem", "lease", verb, "--lease", "lease.json"], options].concat())
    }

    fn process(&self, verb: &str, options: &[&str]) -> std::process::Command {
        self.local.process(&[&["--key-file", "hand.pem", "lease", verb, "--lease", "lease.json"], options].concat())
    }

    fn submit(&self, function: &str, options: &[&str]) -> String {
        let base = ["process", "submit", "--type", "hand", "--function", function];
        self.local.run(&[&base[..], options].concat()).ok().trim().to_owned()
    }

    fn get(&self, process_id: &str) -> Value {
        self.local.run(&["process", "get", process_id, "-o", "json"]).json()
    }
}

fn process_id(line: &str) -> String {
    let lease: Value = serde_json::from_str(line).unwrap();
    lease["process_id"].as_str().unwrap().to_owned()
}
