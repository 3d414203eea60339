//! Samples of a run, and their file.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::load::Load;
use crate::stage::{Part, Stage};
use crate::watch::{Reading, Watch};

/// The colony at a moment.
pub(crate) struct Sample {
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) acknowledged: usize,
    pub(crate) repeated: usize,
    pub(crate) reading: Reading,
    /// Resident memory of each part in KiB, in the order of `Part::ALL`; `None` while it is down.
    pub(crate) memory_kib: [Option<u64>; 3],
}

impl Sample {
    /// Takes a sample.
    pub(crate) async fn take(at: Duration, stage: &Stage, load: &Load, watch: &mut Watch) -> anyhow::Result<Self> {
        let reading = watch.read().await?;
        let memory_kib = Part::ALL.map(|part| stage.pid(part).and_then(resident_kib));
        Ok(Self { at, acknowledged: load.acknowledged(), repeated: load.repeated(), reading, memory_kib })
    }
}

/// Reads a process's resident memory, from Linux's `/proc`.
fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Writes the samples as comma-separated values.
pub(crate) fn write(path: &Path, samples: &[Sample]) -> anyhow::Result<()> {
    let mut text = String::from(
        "seconds,acknowledged,repeated_posts,succeeded,otherwise,mean_ms,p99_ms,unfinished,dead_rows,database_bytes,\
         broker_kib,webhook_kib,finance_kib\n",
    );
    for sample in samples {
        let Reading { ended, mean_ms, p99_ms, dead_rows, database_bytes, unfinished } = sample.reading;
        let number = |value: Option<f64>| value.map(|value| format!("{value:.1}")).unwrap_or_default();
        let memory = sample.memory_kib.map(|kib| kib.map(|kib| kib.to_string()).unwrap_or_default()).join(",");
        writeln!(
            text,
            "{},{},{},{},{},{},{},{unfinished},{dead_rows},{database_bytes},{memory}",
            sample.at.as_secs(),
            sample.acknowledged,
            sample.repeated,
            ended.succeeded,
            ended.otherwise,
            number(mean_ms),
            number(p99_ms),
        )?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
