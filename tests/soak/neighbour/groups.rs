//! Control groups with the figures of the units, as a service manager makes them: version 1 or 2, whatever the machine has.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use sqlx::{Connection as _, PgConnection};

use crate::stage::{Part, Stage};

/// The slice of all parts.
pub(super) const SLICE: &str = include_str!("../../../deploy/systemd/apiary.slice");
const BROKER: &str = include_str!("../../../deploy/systemd/apiary-broker.service");
const WEBHOOK: &str = include_str!("../../../deploy/systemd/apiary-webhook.service");
const BEE: &str = include_str!("../../../deploy/systemd/apiary-bee@.service");
/// The weight of everything without a weight of its own (systemd.resource-control(5)).
pub(super) const OTHERS_WEIGHT: f64 = 100.0;
/// Shares of version 1 for [`OTHERS_WEIGHT`].
const SHARES: f64 = 1024.0;
const ROOT: &str = "/sys/fs/cgroup";
/// Controllers of version 1.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// The group of all that is not Apiary's, as `system.slice` is: the job and the database.
const OTHERS: &str = "apiary-neighbours";
/// The group of the parts, as `apiary.slice` is.
const PARTS: &str = "apiary-parts";

/// The groups of a run; they are removed with it.
pub(super) struct Groups {
    is_unified: bool,
}

impl Groups {
    /// Makes the groups.
    pub(super) fn create() -> anyhow::Result<Self> {
        let groups = Self { is_unified: Path::new(ROOT).join("cgroup.controllers").exists() };
        let made = groups.make();
        made.context("control groups need root, and a machine whose groups may be changed")?;
        Ok(groups)
    }

    fn make(&self) -> anyhow::Result<()> {
        if self.is_unified {
            write(&Path::new(ROOT).join("cgroup.subtree_control"), "+cpu +memory +pids")?;
        }
        self.group(OTHERS, OTHERS_WEIGHT, None)?;
        self.group(&format!("{OTHERS}/job"), OTHERS_WEIGHT, None)?;
        self.group(&format!("{OTHERS}/database"), OTHERS_WEIGHT, None)?;
        self.group(PARTS, figure(SLICE, "CPUWeight"), None)?;
        for part in Part::ALL {
            let unit = unit(part);
            self.group(&format!("{PARTS}/{}", part.name()), figure(unit, "CPUWeight"), Some(unit))?;
        }
        // Where the events come from is not on the machine.
        self.group(&format!("{PARTS}/sender"), OTHERS_WEIGHT, None)
    }

    /// Makes a group with its weight and, from a unit, its bounds.
    fn group(&self, name: &str, weight: f64, unit: Option<&str>) -> anyhow::Result<()> {
        for folder in self.folders(name) {
            fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            if self.is_unified && !name.contains('/') {
                write(&folder.join("cgroup.subtree_control"), "+cpu +memory +pids")?;
            }
        }
        let bounds = unit.map(|unit| (figure(unit, "MemoryMax") * 1024.0 * 1024.0, figure(unit, "TasksMax")));
        if self.is_unified {
            let folder = Path::new(ROOT).join(name);
            write(&folder.join("cpu.weight"), &format!("{weight:.0}"))?;
            if let Some((bytes, tasks)) = bounds {
                write(&folder.join("memory.max"), &format!("{bytes:.0}"))?;
                write(&folder.join("pids.max"), &format!("{tasks:.0}"))?;
            }
            return Ok(());
        }
        let file = |controller: &str, file: &str| Path::new(ROOT).join(controller).join(name).join(file);
        write(&file("cpu", "cpu.shares"), &format!("{:.0}", weight * SHARES / OTHERS_WEIGHT))?;
        if let Some((bytes, tasks)) = bounds {
            write(&file("memory", "memory.limit_in_bytes"), &format!("{bytes:.0}"))?;
            write(&file("pids", "pids.max"), &format!("{tasks:.0}"))?;
        }
        Ok(())
    }

    /// Returns the folders of a group: one, or one for each controller.
    fn folders(&self, name: &str) -> Vec<PathBuf> {
        let root = Path::new(ROOT);
        if self.is_unified {
            return vec![root.join(name)];
        }
        CONTROLLERS.map(|controller| root.join(controller).join(name)).to_vec()
    }

    /// Returns the folder of the job's group.
    pub(super) fn job(&self) -> PathBuf {
        self.folders(&format!("{OTHERS}/job")).swap_remove(0)
    }

    /// Puts the database, the sender and the parts into their groups.
    pub(super) async fn enter_all(&self, stage: &Stage) -> anyhow::Result<()> {
        for pid in database(stage).await? {
            if let Err(error) = self.put(&format!("{OTHERS}/database"), pid) {
                // A worker of the server may have ended meanwhile.
                ensure!(parent(pid).is_none(), error);
            }
        }
        self.put(&format!("{PARTS}/sender"), std::process::id())?;
        self.enter(stage)
    }

    /// Puts the parts into their groups.
    pub(super) fn enter(&self, stage: &Stage) -> anyhow::Result<()> {
        for part in Part::ALL {
            self.put(&format!("{PARTS}/{}", part.name()), running(stage, part)?)?;
        }
        Ok(())
    }

    /// Takes the parts out of their groups, to stand beside the job as equals.
    pub(super) fn leave(&self, stage: &Stage) -> anyhow::Result<()> {
        for part in Part::ALL {
            self.put("", running(stage, part)?)?;
        }
        Ok(())
    }

    fn put(&self, name: &str, pid: u32) -> anyhow::Result<()> {
        self.folders(name).iter().try_for_each(|folder| enter_group(folder, pid))
    }

    /// Returns the greatest memory in bytes of each part's group, page cache included.
    pub(super) fn memory_peaks(&self) -> Vec<(&'static str, f64)> {
        let (controller, file) =
            if self.is_unified { ("", "memory.peak") } else { ("memory", "memory.max_usage_in_bytes") };
        let read = |part: Part| {
            let path = Path::new(ROOT).join(controller).join(PARTS).join(part.name()).join(file);
            Some((part.name(), fs::read_to_string(path).ok()?.trim().parse().ok()?))
        };
        Part::ALL.into_iter().filter_map(read).collect()
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // A group goes once nothing runs in it.
        let _ = self.put("", std::process::id());
        let parts = Part::ALL.map(|part| format!("{PARTS}/{}", part.name()));
        let others = [format!("{PARTS}/sender"), format!("{OTHERS}/job"), format!("{OTHERS}/database")];
        for name in parts.into_iter().chain(others).chain([PARTS.to_owned(), OTHERS.to_owned()]) {
            for folder in self.folders(&name) {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// Puts a process into a group.
pub(super) fn enter_group(folder: &Path, pid: u32) -> anyhow::Result<()> {
    write(&folder.join("cgroup.procs"), &pid.to_string())
}

/// Returns the number of a unit's figure; memory in MiB.
pub(super) fn figure(unit: &str, name: &str) -> f64 {
    let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.trim_end_matches('M').parse().ok()).unwrap_or_default()
}

fn unit(part: Part) -> &'static str {
    match part {
        Part::Broker => BROKER,
        Part::Webhook => WEBHOOK,
        Part::Bee => BEE,
    }
}

fn running(stage: &Stage, part: Part) -> anyhow::Result<u32> {
    stage.pid(part).with_context(|| format!("the {} runs", part.name()))
}

/// Returns the processes of the database server: the first, and its children.
async fn database(stage: &Stage) -> anyhow::Result<Vec<u32>> {
    let mut connection = PgConnection::connect(&stage.broker_database()).await?;
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
    let server = parent(u32::try_from(backend)?).context("the database runs on this machine")?;
    let mut all = vec![server];
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_string_lossy().parse::<u32>();
        all.extend(pid.into_iter().filter(|pid| parent(*pid) == Some(server)));
    }
    Ok(all)
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Err(error) = fs::write(path, text) {
        bail!("{}: {error}", path.display());
    }
    Ok(())
}
