//! Tests of `apiary import colony-tasks`: exit codes, output, and sources of the URL.

use std::os::unix::fs::PermissionsExt as _;

use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::scene::Scene;

const DUMP: &str = r#"[
  {"id": 1, "status": "pending", "priority": "high", "command": {"function": "echo", "args": {"n": 1}}},
  {"id": 2, "status": "queued", "command": "{\"type\": \"echo\", \"data\": [2]}", "max_retries": 5},
  {"id": 3, "status": "running", "command": {"function": "echo"}},
  {"id": 4, "status": "completed"}
]"#;

const IMPORT: [&str; 6] = ["import", "colony-tasks", "--source", "shop", "--executor-type", "echo"];

#[test]
fn a_dump_becomes_processes_that_are_done_once() {
    let scene = Scene::new();
    scene.write("dump.json", DUMP);
    let local = Local::start(&scene);
    let import = [&IMPORT[..], &["--file", "dump.json", "-o", "json"]].concat();
    let report = local.run(&import).json();
    assert_eq!((report["submitted"].as_u64(), report["existed"].as_u64()), (Some(2), Some(0)), "{report}");
    let process_id = report["tasks"][1]["process_id"].as_str().unwrap().to_owned();
    let process = eventually("the echo bee has done it", || {
        let process = local.run(&["process", "get", &process_id, "-o", "json"]).json();
        (process["state"] == "succeeded").then_some(process)
    });
    assert_eq!(process["output"]["json"].to_string(), "[2]");
    local.run(&["process", "verify", &process_id]).ok();
    let again = local.run(&import).json();
    assert_eq!((again["submitted"].as_u64(), again["existed"].as_u64()), (Some(0), Some(2)), "{again}");
    assert_eq!(again["tasks"][1]["process_id"], process_id);
    let found = local.run(&["process", "list", "--label", "legacy_id=2", "-o", "json"]).json();
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn a_dry_run_needs_neither_broker_nor_colony() {
    let scene = Scene::new();
    scene.write("dump.json", DUMP);
    let words = scene.run(&[&IMPORT[..], &["--file", "dump.json", "--dry-run"]].concat()).ok();
    assert!(words.contains("4 rows: 2 would be submitted, 1 skipped, 1 left running"), "{words}");
    assert!(words.lines().any(|line| line.split_whitespace().eq(["2", "queued", "echo", "echo", "0", "5"])), "{words}");
}

#[test]
fn a_broker_that_is_not_there_is_told_at_once() {
    let scene = Scene::new();
    scene.write("dump.json", DUMP);
    let colony = scene.new_key("user.pem");
    let broker = ["--broker", "http://127.0.0.1:1", "--colony", &colony, "--key-file", "user.pem"];
    let words = scene.run(&[&IMPORT[..], &["--file", "dump.json"], &broker].concat()).fails_with(4);
    assert!(words.contains("ended after 4 rows") && words.contains("127.0.0.1:1"), "{words}");
}

#[test]
fn what_nobody_decided_is_named_and_fails() {
    let scene = Scene::new();
    let dry_run = |dump: &str, more: &[&str]| {
        scene.write("dump.jsonl", dump);
        scene.run(&[&IMPORT[..], &["--file", "dump.jsonl", "--dry-run"], more].concat())
    };
    let unknown = r#"{"id": 1, "status": "paused", "function": "echo"}"#;
    let words = dry_run(unknown, &[]).fails_with(1);
    assert!(words.contains("`paused`") && words.contains("--skip-unknown"), "{words}");
    assert!(dry_run(unknown, &["--skip-unknown"]).ok().contains("1 of an unknown status"));
    let bad =
        dry_run("{\"id\": 7, \"status\": \"pending\", \"function\": \"echo\", \"priority\": \"\\u001b[31msoon\"}", &[]);
    assert!(bad.stdout.contains("`priority`") && !bad.stdout.contains('\u{1b}'), "{}", bad.stdout);
    bad.fails_with(1);
}

#[test]
fn a_url_is_taken_from_where_others_cannot_see_it() {
    let scene = Scene::new();
    let no_source = scene.run(&[&IMPORT[..], &["--dry-run"]].concat()).fails_with(2);
    assert!(no_source.contains("APIARY_IMPORT_DATABASE_URL"), "{no_source}");
    scene.write("url", "postgres://u:sesame@127.0.0.1:1/d\n");
    let from_file = [&IMPORT[..], &["--postgres-url-file", "url", "--dry-run"]].concat();
    std::fs::set_permissions(scene.path("url"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(scene.run(&from_file).fails_with(2).contains("chmod 600"));
    std::fs::set_permissions(scene.path("url"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let from_variable = [("APIARY_IMPORT_DATABASE_URL", "postgres://u:sesame@127.0.0.1:1/d")];
    let dry_run = [&IMPORT[..], &["--dry-run"]].concat();
    for ran in [scene.run(&from_file), scene.run_with(&from_variable, &dry_run)] {
        let words = ran.fails_with(4);
        assert!(words.contains("not available") && !words.contains("sesame"), "{words}");
    }
    let as_setting = [&["--set", "import.database_url=postgres://u:sesame@h/d"], &dry_run[..]].concat();
    assert!(!scene.run(&as_setting).fails_with(2).contains("sesame"));
    assert!(
        scene.run(&[&IMPORT[..], &["--file", "none.json", "--dry-run"]].concat()).fails_with(5).contains("none.json")
    );
}
