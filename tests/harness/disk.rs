//! Folders whose disk can be made to fail, and to work again. Each way asks for something that not every machine gives;
//! `cargo xtask test` names the tests that it leaves out for want of it.
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

/// How a disk fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No room is left on a file system of its own. Needs root, and the right to mount.
    Full,
    /// Its files take no change. Needs root, and a file system with `chattr`.
    Immutable,
    /// What is written does not reach the disk. Needs a C compiler.
    FailingFsync,
}

/// A folder on a disk that can fail.
pub struct Disk {
    fault: Fault,
    folder: TempDir,
    /// What is not on the disk itself: the shim, and the sign that it looks for.
    beside: TempDir,
}

/// Interval at which files are looked for.
const TRIES_MAX: usize = 5;
/// Bytes of a disk that is to be full.
const SIZE: &str = "size=16m";

impl Disk {
    /// A disk that works, and can fail in this way.
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

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The environment of a process that is to meet the fault.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        match self.fault {
            Fault::FailingFsync => vec![
                ("LD_PRELOAD", self.shim().display().to_string()),
                ("FAIL_FSYNC_WHILE", self.sign().display().to_string()),
            ],
            Fault::Full | Fault::Immutable => Vec::new(),
        }
    }

    /// Makes it fail.
    pub fn fail(&self) {
        match self.fault {
            Fault::Full => fill(&self.ballast()),
            Fault::Immutable => self.change_attribute("+i"),
            Fault::FailingFsync => std::fs::write(self.sign(), "").unwrap(),
        }
    }

    /// Fills a disk of its own but for so many bytes.
    pub fn fill_but(&self, bytes: u64) {
        self.fail();
        let ballast = std::fs::File::options().write(true).open(self.ballast()).unwrap();
        ballast.set_len(ballast.metadata().unwrap().len() - bytes).unwrap();
    }

    /// Makes it work again.
    pub fn mend(&self) {
        match self.fault {
            Fault::Full => std::fs::remove_file(self.ballast()).unwrap(),
            Fault::Immutable => self.change_attribute("-i"),
            Fault::FailingFsync => std::fs::remove_file(self.sign()).unwrap(),
        }
    }

    fn change_attribute(&self, change: &str) {
        // Again, if a file went away between being found and being changed.
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
            // Lazily: a process that a failed test left behind may still have files open.
            Fault::Full => drop(Command::new("umount").arg("--lazy").arg(self.path()).status()),
            Fault::Immutable => drop(chattr("-i", self.path()).output()),
            Fault::FailingFsync => {}
        }
    }
}

/// Changes an attribute of every file. Sockets have none; and a program that wrote to an immutable file in its memory, as SQLite does
/// to its index of the log, would be ended by the system.
fn chattr(change: &str, folder: &Path) -> Command {
    let mut command = Command::new("find");
    command.arg(folder).args(["-type", "f", "-not", "-name", "*-shm", "-exec", "chattr", change, "{}", "+"]);
    command
}

/// Writes until not one byte more fits.
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
