//! `apiary doctor`.

use apiary_identity::{Clock as _, Envelope, Id, KeyPair, Spec, SystemClock};

use crate::local::Local;
use crate::scene::{Scene, run};

#[test]
fn all_is_well_with_a_colony_that_is_up() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    // Not a word of where the adapter listens, on a port that is free here and not the usual one.
    let examination = local.run(&["doctor", "-o", "json"]).json();
    assert_eq!(examination["healthy"], true);
    let verdict = |check: &str| {
        let findings = examination["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).map(|finding| finding["verdict"].clone()).unwrap()
    };
    for check in ["settings", "colony", "key", "broker", "clock", "grants", "webhook", "record"] {
        assert_eq!(verdict(check), "good", "{check}");
    }
    assert!(examination.to_string().contains(scene.path("data/finance.db").to_str().unwrap()), "{examination}");
}

#[test]
fn what_is_bad_is_named_with_advice() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let stranger = scene.new_key("stranger.pem");
    let ran = local.run(&["doctor", "--colony", &stranger, "--set", "webhook.listen=127.0.0.1:9"]);
    assert!(ran.stdout.contains("BAD") && ran.stdout.contains("apiary colony create"), "{}", ran.stdout);
    assert!(ran.stdout.contains("no adapter answers at 127.0.0.1:9"), "{}", ran.stdout);
    assert!(ran.stdout.contains("no state of record is set here"), "the folder's is another colony's: {}", ran.stdout);
    assert!(ran.fails_with(1).contains("2 faults found"));
    let rows = local.run(&["record", "show", "--colony", &stranger]);
    assert!(rows.fails_with(2).contains("no state of record is set"));
}

#[test]
fn every_grant_that_ends_soon_is_told_not_only_that_of_the_own_key() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let (colony, key) = (scene.path("data/keys/colony.pem"), scene.new_key("bee.pem"));
    let grant = ["grant", "add", "--key", &key, "--role", "executor", "--name", "bee", "--function", "*"];
    let add = |days: &str| {
        let rest = ["--executor-type", "t", "--colony-key", colony.to_str().unwrap(), "--valid-days", days];
        local.run(&[&grant[..], &rest].concat()).ok();
    };
    add("5");
    let told = local.run(&["doctor"]).ok();
    assert!(told.contains("GRANTS_END: the grant of executor `bee` ends in 5 days"), "{told}");
    assert_eq!(local.run(&["colony", "health"]).code, 10);
    add("90");
    let told = local.run(&["doctor"]).ok();
    assert!(!told.contains("GRANTS_END"), "{told}");
    local.run(&["colony", "health"]).ok();
}

#[test]
fn the_end_of_the_own_keys_grant_is_told_once() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let (colony, key) = (scene.path("data/keys/colony.pem"), scene.new_key("own.pem"));
    let grant =
        ["grant", "add", "--key", &key, "--role", "user", "--name", "own", "--function", "*", "--right", "read"];
    let rest = ["--executor-type", "*", "--colony-key", colony.to_str().unwrap(), "--valid-days", "5"];
    local.run(&[&grant[..], &rest].concat()).ok();
    let own = scene.path("own.pem");
    let told = local.run(&["doctor", "--key-file", own.to_str().unwrap()]).ok();
    let looks: Vec<&str> = told.lines().filter(|line| line.starts_with("look")).collect();
    assert!(looks.len() == 1 && looks[0].contains("GRANTS_END: the grant of user `own` ends in 5 days"), "{told}");
    assert!(told.contains("this key has 1, until"), "{told}");
}

#[test]
fn a_key_from_standard_input_is_used_for_every_look() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let pem = scene.read("data/keys/operator.pem");
    let profile = scene.path("data/apiary.toml");
    let arguments =
        ["doctor", "--config", profile.to_str().unwrap(), "--key-file", "-", "--only", "grants", "-o", "json"];
    let examination = run(scene.command(&arguments).write_stdin(pem)).json();
    assert_eq!(examination["findings"][0]["verdict"], "good", "{examination}");
    drop(local);
    let ran = scene.run(&["doctor", "--config", profile.to_str().unwrap(), "--only", "broker"]);
    assert!(ran.stdout.contains("cannot be reached") && !ran.stdout.contains("`apiary doctor`"), "{}", ran.stdout);
}

#[test]
fn a_key_that_may_not_read_is_no_fault() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let adapter = scene.path("data/keys/stripe-adapter.pem");
    let ran = local.run(&["doctor", "--key-file", adapter.to_str().unwrap(), "--only", "grants", "-o", "json"]);
    assert_eq!(ran.json()["findings"][0]["verdict"], "skipped");
}

#[test]
fn a_proxy_that_is_not_trusted_is_told() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let health = || local.run(&["doctor", "--only", "health"]).ok();
    assert!(health().contains("nothing needs attention"), "{}", health());
    let colony: Id = local.announced["colony"].as_str().unwrap().parse().unwrap();
    let key = KeyPair::from_pem(&scene.read("data/keys/operator.pem"), None).unwrap();
    let spec = Spec::new(colony, "echo", "echo", SystemClock.now());
    let envelope = Envelope::seal(&key, &spec).unwrap();
    let post = async {
        let url = format!("{}/v1/processes", local.announced["broker"].as_str().unwrap());
        let request = apiary_tests::http().post(url).header("x-forwarded-for", "198.51.100.1");
        request.body(envelope.to_json()).send().await.unwrap().status()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(post).is_success());
    let told = health();
    for words in ["PROXY_NOT_TRUSTED", "127.0.0.1", "`broker.trusted_proxies`"] {
        assert!(told.contains(words), "{told}");
    }
}
