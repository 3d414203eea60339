//! Folders whose disk can be made to fail, and to work again. Each fault needs an ability that not every machine has;
//! `cargo xtask test` names the tests that it skips without it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its subject must fail at once"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Faults of a disk.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No room is left on a file system of its own. Needs root, and the right to mount.
    Full,
    /// Files that cannot be changed. Needs root, and a file system with `chattr`.
    Immutable,
    /// Writes that do not reach the disk. Needs a C compiler.
    FailingFsync,
}

/// A folder on a disk that can fail.
pub struct Disk {
    fault: Fault,
    folder: TempDir,
    /// Folder on a working disk: for the shim, and the file that switches it on.
    beside: TempDir,
}

/// Interval at which files are looked for.
const TRIES_MAX: usize = 5;
/// Bytes of a disk that is to be full.
const SIZE: &str = "size=16m";

impl Disk {
    /// Creates a working disk that can fail in this way.
    pub fn new(fault: Fault) -> Self {
        let disk = Self { fault, folder: tempfile::tempdir().unwrap(), beside: tempfile::tempdir().unwrap() };
        match fault {
            Fault::Full => {
                run(Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "apiary-test"]).arg(disk.path()));
            }
            Fault::Immutable => {}
            Fault::FailingFsync => {
                let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/failing_fsync.c");
                run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(disk.shim()).arg(source));
            }
        }
        disk
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the environment variables for a process on this disk.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        match self.fault {
            Fault::FailingFsync => vec![
                ("LD_PRELOAD", self.shim().display().to_string()),
                ("FAIL_FSYNC_WHILE", self.sign().display().to_string()),
            ],
            Fault::Full | Fault::Immutable => Vec::new(),
        }
    }

    /// Makes the disk fail.
    pub fn fail(&self) {
        match self.fault {
            Fault::Full => fill(&self.ballast()),
            Fault::Immutable => self.change_attribute("+i"),
            Fault::FailingFsync => std::fs::write(self.sign(), "").unwrap(),
        }
    }

    /// Fills a disk of its own except for `bytes`.
    pub fn fill_but(&self, bytes: u64) {
        self.fail();
        let ballast = std::fs::File::options().write(true).open(self.ballast()).unwrap();
        ballast.set_len(ballast.metadata().unwrap().len() - bytes).unwrap();
    }

    /// Makes the disk work again.
    pub fn mend(&self) {
        match self.fault {
            Fault::Full => std::fs::remove_file(self.ballast()).unwrap(),
            Fault::Immutable => self.change_attribute("-i"),
            Fault::FailingFsync => std::fs::remove_file(self.sign()).unwrap(),
        }
    }

    fn change_attribute(&self, change: &str) {
        // Repeated, because a file may disappear between its listing and its change.
        let done = (0..TRIES_MAX).any(|_| chattr(change, self.path()).output().is_ok_and(|done| done.status.success()));
        assert!(done, "this test needs root, and `chattr` on {}", self.path().display());
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn shim(&self) -> PathBuf {
        self.beside.path().join("failing_fsync.so")
    }

    fn sign(&self) -> PathBuf {
        self.beside.path().join("fail")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        match self.fault {
            // Lazily: a process left behind by a failed test may still have files open.
            Fault::Full => drop(Command::new("umount").arg("--lazy").arg(self.path()).status()),
            Fault::Immutable => drop(chattr("-i", self.path()).output()),
            Fault::FailingFsync => {}
        }
    }
}

/// Changes an attribute of every file. Sockets have none. Mapped files are left out: a program that writes to an
/// immutable mapped file, as SQLite does to its index of the log, would be ended by the system.
fn chattr(change: &str, folder: &Path) -> Command {
    let mut command = Command::new("find");
    command.arg(folder).args(["-type", "f", "-not", "-name", "*-shm", "-exec", "chattr", change, "{}", "+"]);
    command
}

/// Writes until not a single byte more fits.
fn fill(ballast: &Path) {
    let mut file = std::fs::File::create(ballast).unwrap();
    for block in [&[0; 65_536][..], &[0; 512], &[0; 1]] {
        while file.write_all(block).is_ok() {}
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program is there");
    if !output.status.success() {
        panic!(
            "this test needs root, the right to mount, `chattr` or a C compiler, as it happens: {command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
