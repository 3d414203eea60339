//! The rig of `deploy/README.md`: its steps under a real systemd, which runs in namespaces of its own and changes nothing outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::postgres::Cluster;
use crate::{apt, children, workspace};

const BOOT: &str = include_str!("boot.sh");
const GUIDE: &str = include_str!("guide.sh");
/// Longest time of a boot.
const BOOT_TIME_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at a boot.
const LOOK: Duration = Duration::from_millis(200);
/// The hierarchy of control groups of version 1 that systemd leaves alone, and whose groups take no process as they are made.
const UNUSED: &str = "cpuset";
/// The group of the manager.
const GROUP: &str = "apiary-guide";
/// The second database, to restore into.
const SECOND: &str = "restored";

/// Boots a systemd, runs the guide in it, and stops it.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "a systemd of its own needs root: namespaces, mounts, control groups");
    let manager = Path::new("/lib/systemd/systemd");
    if !manager.exists() || workspace::on_path("dbus-daemon").is_empty() {
        apt::install(&["systemd", "dbus"]).context("install systemd and dbus")?;
    }
    let built = children::run(workspace::cargo().args(["build", "--workspace", "--bin", "apiary"]))?;
    ensure!(built.success(), "`apiary` does not build");
    let cluster = Cluster::start_with(&[])?;
    let second = second_database(&cluster.url)?;
    let folder = tempfile::tempdir()?;
    let manager = Systemd::boot(folder.path())?;
    let mut guide = manager.command("guide");
    let status = children::run(guide.args([&cluster.url, &second]))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Creates the database to restore into; returns its URL.
fn second_database(url: &str) -> anyhow::Result<String> {
    let create = format!("CREATE DATABASE {SECOND}");
    let status = children::run(Command::new("psql").args(["--quiet", "--command", &create, url]))?;
    ensure!(status.success(), "psql failed: see above");
    let (server, _) = url.rsplit_once('/').context("the URL of a database")?;
    Ok(format!("{server}/{SECOND}"))
}

/// A running systemd.
struct Systemd {
    child: Child,
    pid: u32,
    groups: Vec<PathBuf>,
}

impl Systemd {
    /// Boots it, with files for it in this folder.
    fn boot(folder: &Path) -> anyhow::Result<Self> {
        let (boot, guide, layers) = (folder.join("boot.sh"), folder.join("guide.sh"), folder.join("layers"));
        fs::write(&boot, BOOT)?;
        fs::write(&guide, GUIDE)?;
        fs::create_dir(&layers)?;
        let program = folder.join("apiary");
        fs::copy(workspace::target().join("debug/apiary"), &program)?;
        let groups = groups()?;
        let enter = groups.iter().map(|group| format!("echo $$ > {}/cgroup.procs; ", group.display()));
        let unshare = "exec unshare --mount --pid --fork --uts --ipc --cgroup --mount-proc --kill-child";
        let child = Command::new("sh")
            .args(["-c", &format!("{}{unshare} sh \"$@\"", enter.collect::<String>()), "sh"])
            .args([&boot, &program, &layers, &guide])
            .stdin(Stdio::null())
            .spawn()
            .context("unshare, of util-linux")?;
        let mut manager = Self { child, pid: 0, groups };
        manager.wait()?;
        Ok(manager)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < BOOT_TIME_MAX {
            children::go_on()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("systemd did not start ({status}): see above");
            }
            // The first process of the namespaces is the only child of the one that made them.
            let children = format!("/proc/{0}/task/{0}/children", self.child.id());
            let pid = fs::read_to_string(children).unwrap_or_default();
            self.pid = pid.trim().parse().unwrap_or_default();
            if self.pid != 0 && self.is_up()? {
                return Ok(());
            }
            sleep(LOOK);
        }
        bail!("systemd did not boot within {} s", BOOT_TIME_MAX.as_secs());
    }

    fn is_up(&self) -> anyhow::Result<bool> {
        let said = self.command("systemctl").arg("is-system-running").stderr(Stdio::null()).output()?;
        Ok(matches!(String::from_utf8_lossy(&said.stdout).trim(), "running" | "degraded"))
    }

    /// Returns a command inside.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string(), "--mount", "--pid", "--uts", "--ipc", "--cgroup"]);
        command.args([
            "env",
            "--ignore-environment",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]);
        command.arg(program);
        command
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // With the first process of the namespaces ends everything in them.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.groups.iter().for_each(|group| remove(group));
    }
}

/// Removes a control group and those in it, as far as nothing runs in them any more.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// Makes the manager's control groups; returns their folders.
fn groups() -> anyhow::Result<Vec<PathBuf>> {
    let root = Path::new("/sys/fs/cgroup");
    let mut groups = Vec::new();
    if root.join("cgroup.controllers").exists() {
        groups.push(root.join(GROUP));
    } else {
        for entry in fs::read_dir(root).context("control groups")? {
            let hierarchy = entry?.path();
            if hierarchy.join("cgroup.procs").exists() && !hierarchy.ends_with(UNUSED) {
                groups.push(hierarchy.join(GROUP));
            }
        }
    }
    for group in &groups {
        fs::create_dir_all(group).with_context(|| group.display().to_string())?;
    }
    Ok(groups)
}
