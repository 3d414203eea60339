//! `cargo xtask check-long`: checks too long for every change. Tests named `long_…`, which are ignored elsewhere, run
//! here, and quick tests run many times.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use clap::ValueEnum;

use crate::{systemd, test};

/// The rigs to run, and the number of repetitions.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Runs only these rigs; all if none is named.
    #[arg(value_name = "RIG")]
    rigs: Vec<Rig>,
    /// Number of runs of the whole suite beside a load on every core.
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    suite_rounds: usize,
    /// Number of runs in which the processes of a colony are killed and counted.
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    kill_rounds: usize,
}

/// A long check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rig {
    /// Every test named `long_…`, such as attacks of minutes.
    Long,
    /// The test that kills broker, adapter and bee under load, repeatedly.
    Kill,
    /// The whole suite, repeatedly, beside a load on every core, with a Postgres that waits for its disk.
    Suite,
    /// The guide of `deploy/README.md` under a real systemd, in namespaces of its own; needs root.
    Systemd,
}

/// Runs all rigs, also after a failure, and prints a summary.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rigs = if arguments.rigs.is_empty() { Rig::value_variants() } else { &arguments.rigs };
    let mut lines = Vec::new();
    for rig in rigs {
        let rounds = match rig {
            Rig::Long | Rig::Systemd => 1,
            Rig::Kill => arguments.kill_rounds,
            Rig::Suite => arguments.suite_rounds,
        };
        for round in 1..=rounds {
            println!("\n=== {rig:?}, round {round} of {rounds}");
            let start = Instant::now();
            let held = rig.run()? == ExitCode::SUCCESS;
            let word = if held { "held  " } else { "FAILED" };
            lines.push((held, format!("{word} {rig:?} {round}/{rounds} ({} s)", start.elapsed().as_secs())));
        }
    }
    println!();
    lines.iter().for_each(|(_, line)| println!("{line}"));
    Ok(if lines.iter().all(|(held, _)| *held) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Rig {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Long => test::run(&test::Arguments::chosen("long_", &["--ignored"])),
            Self::Kill => test::run(&test::Arguments::chosen("restart::kill", &[])),
            Self::Systemd => systemd::run(),
            Self::Suite => {
                let _load = Load::on_every_core();
                test::run(&test::Arguments::everything().durable())
            }
        }
    }
}

/// A busy thread for each core, until dropped.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on_every_core() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let work = |stop: Arc<AtomicBool>| move || while !stop.load(Ordering::Relaxed) {};
        let threads = (0..cores).map(|_| std::thread::spawn(work(stop.clone()))).collect();
        Self { stop, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // The thread cannot panic: its loop does nothing.
            let _ = thread.join();
        }
    }
}
