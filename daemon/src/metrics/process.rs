//! The process itself, under the names that Prometheus' own clients use.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;

use super::{Gauge, SeriesTable, Total};

/// Numbers of the system about this process.
pub(super) struct Process {
    cpu: Total,
    cpus: Gauge,
    memory: Gauge,
    files: Gauge,
    files_max: Gauge,
}

impl Process {
    pub(super) fn new(series: &SeriesTable) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        series.gauge("apiary_build_info", "Always 1; the version is a label.", &[("version", version)]).set(1.0);
        Self {
            cpu: series.total("process_cpu_seconds_total", "Processor time of this process, user's and system's."),
            cpus: series.gauge("process_cpus", "Processors that this process may use.", &[]),
            memory: series.gauge("process_resident_memory_bytes", "Memory of this process.", &[]),
            files: series.gauge("process_open_fds", "Open files of this process, connections among them.", &[]),
            files_max: series.gauge("process_max_fds", "Most open files of this process.", &[]),
        }
    }

    /// Reads the numbers. What a system does not tell, or not in this way, stays 0.
    pub(super) fn refresh(&self) {
        if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
            self.cpu.raise_to((time(usage.user_time()) + time(usage.system_time())).as_secs_f64());
        }
        self.cpus.set_count(std::thread::available_parallelism().map_or(1, usize::from));
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
            self.memory.set(bytes);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // Without the one that lists them.
            self.files.set_count(files.count().saturating_sub(1));
        }
        if let Ok((most, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
            self.files_max.set(most as f64);
        }
    }
}

fn time(time: TimeVal) -> Duration {
    let whole = u64::try_from(time.tv_sec()).unwrap_or(0);
    Duration::from_secs(whole) + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or(0))
}

fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}
