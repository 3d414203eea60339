//! A running `apiary up`, as a real process.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use apiary_tests::blocking::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::scene::{Ran, Scene, process_in, run};

/// A running `apiary up`; killed when dropped.
pub(crate) struct Local {
    child: Child,
    data: PathBuf,
    log: PathBuf,
    /// Announcement of the start.
    pub(crate) announced: Value,
}

impl Local {
    /// Starts `apiary up` on free ports in the scene's folder `data`, and waits for its announcement.
    pub(crate) fn start(scene: &Scene) -> Self {
        Self::start_with(scene, &[])
    }

    /// Starts it with more arguments.
    pub(crate) fn start_with(scene: &Scene, arguments: &[&str]) -> Self {
        let stderr = std::fs::File::options().create(true).append(true).open(scene.path("up.log")).unwrap();
        Self::start_on(scene, arguments, stderr.into())
    }

    /// Starts it with another standard error.
    pub(crate) fn start_on(scene: &Scene, arguments: &[&str], stderr: Stdio) -> Self {
        Self::spawn(scene, command(&scene.path("data")).args(arguments).stderr(stderr))
    }

    /// Starts it with tasks that panic at their start: `NAME=TIMES`.
    #[cfg(debug_assertions)]
    pub(crate) fn start_sabotaged(scene: &Scene, orders: &str) -> Self {
        let stderr = std::fs::File::create(scene.path("up.log")).unwrap();
        Self::spawn(scene, command(&scene.path("data")).env("SABOTAGED_TASKS", orders).stderr(stderr))
    }

    /// Starts this command, and waits for its announcement.
    pub(crate) fn spawn(scene: &Scene, command: &mut std::process::Command) -> Self {
        let (data, log) = (scene.path("data"), scene.path("up.log"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line);
        assert!(announced.is_ok(), "no announcement: {line:?}\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        let announced = announced.unwrap();
        Self { child, data, log, announced }
    }

    /// Runs the program as the colony's operator.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Returns the operator's command, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::from_std(self.process(arguments));
        command.timeout(crate::scene::PATIENCE);
        command
    }

    /// Returns the operator's command for a process that keeps running.
    pub(crate) fn process(&self, arguments: &[&str]) -> std::process::Command {
        let profile = self.data.join("apiary.toml");
        let config = ["--config", profile.to_str().unwrap()];
        process_in(self.data.parent().unwrap(), &[&config[..], arguments].concat())
    }

    /// Submits work to the echo bee; returns the id of the process, which has succeeded.
    pub(crate) fn echo(&self, json: &str) -> String {
        let ran = self.run(&[
            "-o",
            "json",
            "process",
            "submit",
            "--type",
            "echo",
            "--function",
            "echo",
            "--args",
            json,
            "--wait",
        ]);
        ran.json()["process_id"].as_str().unwrap().to_owned()
    }

    /// Returns the log so far.
    pub(crate) fn words(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends SIGTERM and waits for the end; returns the exit code and the log.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end; returns the exit code and the log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let status = eventually("`apiary up` ends", || self.child.try_wait().unwrap());
        (status.code(), self.words())
    }

    /// Kills the process with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command `apiary up` on free ports.
pub(crate) fn command(data: &Path) -> std::process::Command {
    let data = data.to_str().unwrap();
    let ports = ["--set", "broker.listen=127.0.0.1:0", "--set", "webhook.listen=127.0.0.1:0"];
    let mut command = process_in("/".as_ref(), &[&["-o", "json", "--data", data][..], &ports[..], &["up"]].concat());
    // The test may be run from a terminal.
    command.stdin(Stdio::null());
    command
}

/// Runs `apiary up`, expects a refusal, and returns the log.
#[track_caller]
pub(crate) fn refusal(scene: &Scene) -> String {
    refusal_with(scene, 1)
}

/// Runs `apiary up`, expects this exit code, and returns the log.
#[track_caller]
pub(crate) fn refusal_with(scene: &Scene, code: i32) -> String {
    let mut command = assert_cmd::Command::from_std(command(&scene.path("data")));
    run(command.timeout(crate::scene::PATIENCE)).fails_with(code)
}
