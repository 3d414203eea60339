//! `cargo xtask bench`: figures of a broker and an executor over real sockets, with every signature checked.
//!
//! Broker, submitter and executor share this machine's cores, and the client shares its process with the broker. For
//! memory and the idle broker, each is a process of its own.

mod bee;
mod expiry;
mod idle;
mod latency;
mod machine;
mod memory;
mod processes;
mod report;
mod throughput;

use std::io::Write as _;

use apiary_tests::{Backend, TestColony};

use report::{Figures, Report};

/// Processes that run before anything is measured.
const WARM_UP: usize = 50;
/// Processes whose latency is measured.
const ROUNDS: usize = 1000;
/// Processes one at a time.
const ONE_AT_A_TIME: usize = 500;
/// Processes in flight at the same time, and in total.
const MANY: (usize, usize) = (64, 10_000);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let json = std::env::args().any(|argument| argument == "--json");
    let mut stores = vec![measure("SQLite", Backend::sqlite).await?];
    if std::env::var_os("APIARY_TEST_POSTGRES_URL").is_some() {
        stores.push(measure("Postgres", Backend::postgres).await?);
    }
    let report = Report { machine: machine::describe()?, stores, memory: memory::measure().await? };
    let mut out = std::io::stdout();
    if json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

/// Measures each figure on a database of its own, so that none is affected by another's rows. The first figures are
/// printed as soon as they are known: the others take minutes.
async fn measure<F: Future<Output = Backend>>(store: &'static str, backend: impl Fn() -> F) -> anyhow::Result<Figures> {
    let start_us = latency::submit_to_start(&TestColony::start(backend().await).await, WARM_UP, ROUNDS).await?;
    let one = throughput::completed_per_s(&TestColony::start(backend().await).await, 1, ONE_AT_A_TIME).await?;
    let p50_us = start_us.value_at_quantile(0.5);
    eprintln!("{store}: start p50 {p50_us} µs; completed one at a time {one:.0}/s");
    let (in_flight, count) = MANY;
    let many = throughput::completed_per_s(&TestColony::start(backend().await).await, in_flight, count).await?;
    eprintln!("{store}: completed with {in_flight} in flight {many:.0}/s");
    Ok(Figures {
        store,
        submit_to_start_p50_us: p50_us,
        submit_to_start_p99_us: start_us.value_at_quantile(0.99),
        completed_per_s_one_at_a_time: one,
        completed_per_s_64_in_flight: many,
        last_of_100k_waits_late_ms: expiry::last_late_ms(&TestColony::start(backend().await).await).await?,
        idle: idle::measure(backend().await).await?,
    })
}
