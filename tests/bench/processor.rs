//! Processor time and memory of processes, from Linux's `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use crate::machine::number_after;

/// Unit of processor time in `/proc`.
const TICK: Duration = Duration::from_millis(10);
/// Place in a process's fields, counted after its name, of its parent.
const PARENT: usize = 1;
/// Place of its own time in user mode, followed by that in kernel mode, and by the same of its ended children.
const TIMES: usize = 11;

/// Returns a process's time so far, in user and kernel mode.
pub(crate) fn time_of(pid: u32) -> anyhow::Result<Duration> {
    time(&fields(pid)?, 2)
}

/// Returns this process's time so far.
pub(crate) fn own_time() -> anyhow::Result<Duration> {
    time_of(std::process::id())
}

/// Returns the time of a process and of its children, those that have ended included.
pub(crate) fn time_with_children(pid: u32) -> anyhow::Result<Duration> {
    let mut total = time(&fields(pid)?, 4)?;
    for child in children(pid)? {
        // A child that has ended meanwhile is missed here; the next sample has its time from its parent.
        total += fields(child).and_then(|fields| time(&fields, 2)).unwrap_or_default();
    }
    Ok(total)
}

/// Returns the parent of a process.
pub(crate) fn parent_of(pid: u32) -> anyhow::Result<u32> {
    fields(pid)?.get(PARENT).context("the kernel names the parent")?.parse().context("the parent is a number")
}

/// Returns the resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    number_after(&status, "VmRSS:").context("the process has ended")
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.filter(|pid| parent_of(*pid).is_ok_and(|found| found == parent)).collect())
}

/// Reads a process's fields after its name, which may contain anything.
fn fields(pid: u32) -> anyhow::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} has ended"))?;
    let (_, fields) = stat.rsplit_once(") ").context("the process has ended")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn time(fields: &[String], count: usize) -> anyhow::Result<Duration> {
    let ticks = fields.iter().skip(TIMES).take(count).map(|ticks| ticks.parse::<u32>()).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}
