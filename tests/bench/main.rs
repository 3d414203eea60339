//! `cargo xtask bench`: figures of brokers and executors over real sockets, with every signature made and checked.
//!
//! Brokers, Postgres and this process, the client, share this machine's cores, and each is a process of its own.
//! `docs/performance.md` says what each letter measures.

mod backlog;
mod bee;
mod brokers;
mod deployment;
mod drain;
mod figure;
mod floors;
mod goals;
mod idle;
mod latency;
mod letter;
mod load;
mod machine;
mod memory;
mod meter;
mod observer;
mod options;
mod polls;
mod processor;
mod reads;
mod report;
mod singles;
mod span;
mod throughput;
mod waits;
mod webhooks;

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::PoisonError;
use std::time::Duration;

use apiary_tests::apiary_binary;
use futures::FutureExt as _;

use figure::{Lines, Sheet};
use letter::{Letter, Store};
use options::Options;
use report::{Failure, Report};

/// Longest time of a letter on one database; a full run loads millions of processes.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::read(std::env::args().skip(1))?;
    // Before the measurements, which make a load of their own.
    let (machine, broker) = (machine::describe()?, apiary_binary().display().to_string());
    if options.stores.contains(&Store::Postgres) {
        // A new server makes and zeroes the files of its log as it goes: these writes make them, and are not measured.
        floors::sql::measure(floors::sql::History::Kept).await?;
    }
    let (lines, mut failures) = (Lines::default(), Vec::new());
    for letter in &options.letters {
        for store in &options.stores {
            if let Err(error) = run(*letter, *store, options.many, &lines).await {
                let words = format!("{error:#}");
                eprintln!("{letter} {store} failed: {words}");
                failures.push(Failure { letter: *letter, store: *store, words });
            }
        }
    }
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let report = Report { machine, broker, lines, failures };
    print(&report, options.json)?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a letter. Neither a panic nor a hang ends the others.
async fn run(letter: Letter, store: Store, many: usize, lines: &Lines) -> anyhow::Result<()> {
    let sheet = Sheet::new(letter, store, lines.clone());
    // Nothing that a panic leaves half done is used afterwards: a sheet has whole lines only.
    let running = AssertUnwindSafe(Box::pin(measure(letter, &sheet, many))).catch_unwind();
    match tokio::time::timeout(PATIENCE, running).await {
        Ok(ended) => ended.unwrap_or_else(|_| anyhow::bail!("it panicked")),
        Err(_) => anyhow::bail!("it did not end within {} hours", PATIENCE.as_secs() / 3600),
    }
}

async fn measure(letter: Letter, sheet: &Sheet, many: usize) -> anyhow::Result<()> {
    match letter {
        Letter::T => throughput::measure(sheet).await,
        Letter::U => singles::measure(sheet).await,
        Letter::L => latency::measure(sheet).await,
        Letter::I => idle::measure(sheet, many).await,
        Letter::N => brokers::measure(sheet).await,
        Letter::X => backlog::measure_held(sheet).await,
        Letter::B => backlog::measure(sheet, many).await,
        Letter::R => reads::measure(sheet, many).await,
        Letter::M => memory::measure(sheet).await,
        Letter::W => waits::measure(sheet).await,
        Letter::A => webhooks::measure(sheet).await,
    }
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        return Ok(writeln!(out)?);
    }
    Ok(write!(out, "{report}")?)
}
