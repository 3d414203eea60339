//! Runs the commands of `docs/writing-a-bee.md`, unchanged, with the SDK's example as the bee.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::path::PathBuf;
use std::process::{Child, Stdio};

use apiary_tests::Port;
use apiary_tests::blocking::eventually;

use crate::local::Local;
use crate::page::{self, commands};
use crate::scene::Scene;

/// A running bee; killed on drop.
struct Bee(Child);

impl Drop for Bee {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_bee_greets_after_apiary_up() {
    let scene = Scene::new();
    let ports = [Port::take(), Port::take()];
    let [broker, webhook] = ports.each_ref().map(Port::address);
    // Where other tests keep the usual ports busy, everything moves; what is usual is held by the test below.
    let elsewhere =
        format!("export APIARY_BROKER_LISTEN={broker} APIARY_WEBHOOK_LISTEN={webhook} APIARY_BROKER=http://{broker}\n");
    let script = commands("writing-a-bee.md");
    assert!(script.contains("\ncargo run &\n"), "{script}");
    let script = elsewhere + &script.replace("cargo run &", &format!("{} &", example("bee").display()));
    let (code, words) = page::run_script(&scene, &script);
    assert_eq!(code, Some(0), "{words}");
    for told in ["claiming work", "greeting Ada", "Hello, Ada! (attempt 1)", "holds   result"] {
        assert!(words.contains(told), "{told}:\n{words}");
    }
}

#[test]
fn the_example_bee_asks_where_apiary_up_listens() {
    let shown = Scene::new().run(&["config", "show", "-o", "json"]).ok();
    let usual = shown.split('"').find(|text| text.starts_with("http://127.0.0.1:")).unwrap().to_owned();
    let source = std::fs::read_to_string(page::repository().join("executor-sdk/examples/bee.rs")).unwrap();
    assert!(source.contains(&format!("\"{usual}\"")), "the example does not name {usual}");
}

#[test]
fn the_example_bee_without_a_grant_gives_its_name_and_goes_on_once_approved() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    scene.new_key("bee.pem");
    let mut bee = std::process::Command::new(example("bee"));
    bee.current_dir(scene.path(".")).env_clear().env("APIARY_COLONY", local.announced["colony"].as_str().unwrap());
    bee.env("APIARY_BROKER", local.announced["broker"].as_str().unwrap()).stdout(Stdio::null());
    let _bee = Bee(bee.stderr(std::fs::File::create(scene.path("bee.log")).unwrap()).spawn().unwrap());
    let says = |words: &str| scene.read("bee.log").contains(words).then_some(());
    eventually("it says how it is approved", || says("apiary executor approve greeter"));
    let colony = scene.path("data/keys/colony.pem");
    local.run(&["executor", "approve", "greeter", "--colony-key", colony.to_str().unwrap()]).ok();
    eventually("it works", || says("claiming work"));
}

#[test]
fn the_example_bee_says_what_it_lacks() {
    let scene = Scene::new();
    let run = |variables: &[(&str, &str)]| {
        let mut bee = assert_cmd::Command::new(example("bee"));
        bee.current_dir(scene.path(".")).env_clear().envs(variables.iter().copied()).timeout(crate::scene::PATIENCE);
        let ran = crate::scene::run(&mut bee);
        assert_eq!(ran.code, 1);
        ran.stderr
    };
    let words = run(&[]);
    assert!(words.contains("set APIARY_COLONY"), "{words}");
    let colony = scene.new_key("colony.pem");
    let words = run(&[("APIARY_COLONY", &colony)]);
    assert!(words.contains("bee.pem") && words.contains("`apiary key new bee.pem`"), "{words}");
}

/// An example of the SDK, which `cargo xtask test` builds before the tests start.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        example.is_file(),
        "the example is not built: run `cargo xtask test`, or `cargo build --package apiary-executor-sdk --examples`"
    );
    example
}
