//! Runs the script of `docs/shell-executor.md`, and the commands around it, unchanged.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::local::Local;
use crate::scene::Scene;

#[test]
fn the_documented_script_is_an_executor() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let [script] = &blocks("bash")[..] else { panic!("the page has one script") };
    let [grant, start] = &blocks("sh")[..] else { panic!("the page has a block for the grant and one for the start") };
    scene.write("shout.sh", script);
    // The last command waits for the result; the script continues until it is stopped.
    let mut all = Shell::start(&scene, &format!("{grant}\n{start}\njobs -p >job\nwait"));
    let shout = |args: &str| {
        let options = ["--type", "shout", "--function", "shout", "--max-retries", "0", "--args", args];
        local.run(&[&["process", "submit"][..], &options].concat()).ok().trim().to_owned()
    };
    let shown = |id: &str| local.run(&["process", "get", id, "-o", "json"]).json();
    let ended = |id: &str, state: &str| {
        eventually(&format!("{id} is {state}"), || Some(shown(id)).filter(|shown| shown["state"] == state))
    };
    eventually("the first is done, as the page has it", || scene.path("job").exists().then_some(()));
    let hello: Value = ended("latest", "succeeded");
    assert_eq!(
        (&hello["output"]["json"], &hello["progress"]),
        (&json!("HELLO"), &json!("shouting")),
        "{}",
        all.words()
    );

    let failed = ended(&shout("\"forbidden\""), "dead_letter");
    assert_eq!(failed["reason"], "exit status 1", "{}", all.words());
    assert_eq!(ended(&shout("\"again\""), "succeeded")["output"]["json"], "AGAIN");

    let script = eventually("the script's own id is written", || scene.read("job").trim().parse().ok());
    kill(Pid::from_raw(script), Signal::SIGTERM).unwrap();
    eventually("the script ends", || all.child.try_wait().unwrap());
    // The script's claim ended with it, so new work waits for another executor.
    assert_eq!(shown(&shout("\"late\""))["state"], "waiting", "{}", all.words());
}

#[test]
fn the_documented_script_stops_work_that_is_cancelled() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    // The same script with work that takes its time.
    let script = blocks("bash").concat().replace("| grep -v forbidden |", "| (echo begun >&2; sleep 600) |");
    let grant = &blocks("sh")[0];
    scene.write("shout.sh", &script);
    let all = Shell::start(&scene, &format!("{grant}\nAPIARY_KEY_FILE=shout.pem bash shout.sh"));
    let submitted = local.run(&["process", "submit", "--type", "shout", "--function", "shout"]).ok();
    let process_id = submitted.trim();
    eventually("the work says something", || {
        let logged = local.run(&["process", "logs", process_id]).ok();
        logged.contains("begun").then_some(())
    });
    local.run(&["process", "cancel", process_id, "--grace", "10m"]).ok();
    let shown = eventually("it is cancelled", || {
        let shown = local.run(&["process", "get", process_id, "-o", "json"]).json();
        (shown["state"] == "cancelled").then_some(shown)
    });
    assert_eq!(shown["attempts"][0]["reason"], "stopped as asked", "{}", all.words());
}

/// A shell in a process group of its own, killed when dropped.
struct Shell {
    child: Child,
    log: std::path::PathBuf,
}

impl Shell {
    fn start(scene: &Scene, script: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_apiary")).parent().unwrap().to_owned();
        let path = std::env::join_paths(
            std::iter::once(program).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let log = scene.path("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new("sh")
            .args(["-eu", "-c", script])
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", scene.path("."))
            .current_dir(scene.path("."))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The page's blocks in a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/shell-executor.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |rest: &str| rest.split("\n```").next().unwrap().to_owned();
    page.split(&format!("\n```{language}\n")).skip(1).map(block).collect()
}
