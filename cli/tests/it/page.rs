//! Runs the commands of documentation pages, unchanged.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::scene::Scene;

/// Returns the repository's folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns every `sh` block of a page of `docs/`, in order.
pub(crate) fn commands(page: &str) -> String {
    let page = std::fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let blocks: Vec<&str> = page.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "the page's blocks are found");
    blocks.join("\n")
}

/// Runs a script in a process group of its own, which is killed at the end.
pub(crate) fn run_script(scene: &Scene, script: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_apiary")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let log = std::fs::File::create(scene.path("log")).unwrap();
    let mut child = std::process::Command::new("sh")
        .args(["-eux", "-c", script])
        .env_clear()
        .env("PATH", path.unwrap())
        .env("HOME", scene.path("."))
        .current_dir(scene.path("."))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("the script ends", || child.try_wait().unwrap())
    }));
    // Background processes must not outlive a failed script.
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
    let words = scene.read("log");
    assert!(ended.is_ok(), "it hangs:\n{words}");
    (ended.unwrap().code(), words)
}
