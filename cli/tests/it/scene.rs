//! A folder for each test, and the program run in it without the environment of the test's caller.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// Longest run of a command.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to run the program in.
pub(crate) struct Scene {
    folder: TempDir,
}

/// Result of a run.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the program's command, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::from_std(self.process(arguments));
        command.timeout(PATIENCE);
        command
    }

    /// Returns the command of a process that keeps running.
    pub(crate) fn process(&self, arguments: &[&str]) -> std::process::Command {
        process_in(self.folder.path(), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        run(self.command(arguments).envs(variables.iter().copied()))
    }

    /// Creates a key; returns its id.
    pub(crate) fn new_key(&self, file: &str) -> String {
        self.run(&["key", "new", file]).ok().trim().to_owned()
    }
}

pub(crate) fn process_in(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_apiary"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder);
    command
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Returns the output; fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Returns the output as JSON; fails unless the command succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Returns the error text; fails unless the command failed with this code.
    #[track_caller]
    pub(crate) fn fails_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
        self.stderr
    }
}
