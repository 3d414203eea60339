//! `apiary pause`, and work that only some bees can do, through a running colony.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::process::{Child, Stdio};

use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::scene::{Scene, process_in};

#[test]
fn paused_work_waits_until_the_pause_is_removed() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    assert_eq!(local.run(&["pause", "list"]).ok(), "nothing is paused\n");
    let words = local.run(&["pause", "add", "function", "echo", "--reason", "the valley is closed"]).ok();
    assert_eq!(words, "paused function echo: the valley is closed\n");
    let again = local.run(&["pause", "add", "function", "echo"]).ok();
    assert!(again.contains("was paused already, since") && again.contains("the valley is closed"), "{again}");

    let listed = local.run(&["pause", "list", "-o", "json"]).json();
    assert_eq!((&listed[0]["kind"], &listed[0]["name"]), (&"function".into(), &"echo".into()));
    assert_eq!((&listed[0]["by"], &listed[0]["reason"]), (&"operator".into(), &"the valley is closed".into()));
    assert!(local.run(&["pause", "list"]).ok().contains("function echo"));

    let process_id = submit(&local, &[]);
    // The echo bee polls all the time; a claim of its own would take work that is not paused in no time.
    local.run(&["pause", "add", "executor-type", "finance"]).ok();
    assert_eq!(state(&local, &process_id), "waiting");
    let ended = local.run(&["pause", "remove", "function", "echo", "-o", "json"]).json();
    assert_eq!(ended["existed"], true);
    eventually("the work is done", || (state(&local, &process_id) == "succeeded").then_some(()));
    assert_eq!(local.run(&["pause", "remove", "function", "echo"]).ok(), "function echo was not paused\n");
}

#[test]
fn what_cannot_be_paused_is_said_before_anything_is_sent() {
    let scene = Scene::new();
    let words = scene.run(&["pause", "add", "function"]).fails_with(2);
    assert!(words.contains("name the function"), "{words}");
    let words = scene.run(&["pause", "remove", "colony", "mine"]).fails_with(2);
    assert!(words.contains("takes no name"), "{words}");
}

#[test]
fn work_waits_for_a_bee_that_has_what_it_requires() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let needs = [
        "--cpu",
        "2",
        "--memory",
        "1.5Gi",
        "--gpus",
        "1",
        "--gpu-memory",
        "8GB",
        "--location",
        "Lund",
        "--tag",
        "cuda",
    ];
    let process_id = submit(&local, &needs);
    let shown = local.run(&["process", "get", &process_id]).ok();
    let line = "cpu 2000m, memory 1536Mi, gpus 1, gpu memory 8G, location Lund, tag cuda";
    assert!(shown.contains(line), "{shown}");
    let shown = local.run(&["process", "get", &process_id, "-o", "json"]).json();
    assert_eq!((&shown["requires"]["cpu"], &shown["state"]), (&"2000m".into(), &"waiting".into()));
    // Work without requirements overtakes it.
    local.echo("1");
    let settings = ["bee.cpu=4", "bee.memory=2Gi", "bee.gpus=1", "bee.gpu_memory=8G", "bee.location=lund"];
    let _poor = bee(&scene, &settings);
    local.echo("2");
    assert_eq!(state(&local, &process_id), "waiting", "the tag is missing");
    let _rich = bee(&scene, &[&settings[..], &["bee.tags=ocr,cuda"]].concat());
    eventually("the work is done", || (state(&local, &process_id) == "succeeded").then_some(()));
}

#[test]
fn amounts_that_nobody_understands_are_refused_and_named() {
    let scene = Scene::new();
    let base = ["process", "submit", "--type", "t", "--function", "f"];
    for (option, value) in [("--cpu", "four"), ("--memory", "10gb"), ("--memory", "0"), ("--cpu", "4 cores")] {
        let words = scene.run(&[&base[..], &[option, value]].concat()).fails_with(2);
        assert!(words.contains(option), "{words}");
    }
    let words = scene.run(&["bee", "echo", "--set", "bee.memory=lots"]).fails_with(2);
    assert!(words.contains("bee.memory") && words.contains("10Gi"), "{words}");
}

/// An echo bee of its own, killed when dropped.
struct Bee(Child);

impl Drop for Bee {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bee(scene: &Scene, settings: &[&str]) -> Bee {
    let (profile, key) = (scene.path("data/apiary.toml"), scene.path("data/keys/echo.pem"));
    let base = ["--config", profile.to_str().unwrap(), "--key-file", key.to_str().unwrap(), "bee", "echo"];
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = base.into_iter().chain(sets).collect();
    let mut process = process_in(&scene.path("."), &arguments);
    Bee(process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn submit(local: &Local, options: &[&str]) -> String {
    let base = ["process", "submit", "--type", "echo", "--function", "echo", "--args", "1"];
    local.run(&[&base[..], options].concat()).ok().trim().to_owned()
}

fn state(local: &Local, process_id: &str) -> String {
    let shown = local.run(&["process", "get", process_id, "-o", "json"]).json();
    shown["state"].as_str().unwrap().to_owned()
}
