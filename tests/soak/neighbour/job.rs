//! A job as of a CI runner: it keeps every processor busy for a fixed amount of work.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::groups;

/// Bytes that are hashed in one round of each thread.
const ROUND_BYTES: usize = 1 << 20;
/// Rounds of the measurement of a job's size.
const TRIAL: u64 = 200;

/// Returns the rounds that take this time on an idle machine.
pub(super) fn size(time: Duration) -> anyhow::Result<u64> {
    let start = Instant::now();
    hash(TRIAL)?;
    let rounds = u128::from(TRIAL) * time.as_nanos() / start.elapsed().as_nanos().max(1);
    Ok(u64::try_from(rounds)?)
}

/// Runs a job in a group; returns its time.
pub(super) fn run(rounds: u64, group: &Path) -> anyhow::Result<Duration> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--job", &rounds.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .context("the job")?;
    groups::enter_group(group, child.id())?;
    let start = Instant::now();
    // It begins with its first byte of input.
    child.stdin.take().context("a pipe")?.write_all(b"\n")?;
    ensure!(child.wait()?.success(), "the job failed");
    Ok(start.elapsed())
}

/// Does the work of a job, in its own process, once it is told to.
pub(crate) fn work(rounds: u64) -> anyhow::Result<()> {
    std::io::stdin().read_exact(&mut [0])?;
    hash(rounds)
}

fn hash(rounds: u64) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let mut data = vec![0; ROUND_BYTES];
                for _ in 0..rounds {
                    // Each round depends on the one before it, so that none can be left out.
                    let digest = Sha256::digest(&data);
                    data[..digest.len()].copy_from_slice(&digest);
                }
            })
        })
        .collect();
    for worker in workers {
        ensure!(worker.join().is_ok(), "a thread of the job panicked");
    }
    Ok(())
}
