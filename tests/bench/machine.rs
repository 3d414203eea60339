//! Description of the machine of the measurement.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Number of synced writes that are timed.
const FSYNCS: usize = 200;

/// A machine.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Time to write and sync a page, in the folder of the databases: the lower bound of a commit.
    pub(crate) fsync_p50_us: u64,
    /// Load averages at the start, over 1, 5 and 15 minutes: what else ran.
    pub(crate) load: String,
}

/// Describes this machine, from Linux's files.
pub(crate) fn describe() -> anyhow::Result<Machine> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory_kib = number_after(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0);
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(Machine {
        cpu: model.map_or(std::env::consts::ARCH, |(_, name)| name).to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        memory_mib: memory_kib / 1024,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        fsync_p50_us: fsync_p50_us()?,
        load: read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
    })
}

/// Returns the number in the line that starts with `name`.
pub(crate) fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn fsync_p50_us() -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("page"))?;
    let mut histogram = Histogram::<u64>::new(3)?;
    for _ in 0..FSYNCS {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        histogram.record(u64::try_from(start.elapsed().as_micros())?)?;
    }
    Ok(histogram.value_at_quantile(0.5))
}
