//! `cargo xtask soak`: a colony under a steady load, for as long as it is told.

use std::process::ExitCode;

use anyhow::bail;

use crate::postgres::Cluster;
use crate::{children, workspace};

/// Minutes of the short form.
const SHORT_MINUTES: u64 = 30;

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Time of the load: 24 hours in full, half an hour if not given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    hours: Option<u64>,
    /// Time of the load in minutes, instead.
    #[arg(long, conflicts_with = "hours", value_parser = clap::value_parser!(u64).range(5..))]
    minutes: Option<u64>,
    /// Events in a second; half of what the machine can do if not given.
    #[arg(long)]
    rate: Option<f64>,
}

/// Measures, with the same parts, the time of a CI runner's job beside them.
pub(crate) fn run_neighbour() -> anyhow::Result<ExitCode> {
    let cluster = prepare()?;
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "apiary-tests", "--bench", "soak", "--", "--neighbour"]);
    let status = children::run(command.env("APIARY_TEST_POSTGRES_URL", &cluster.url))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the release, and starts a private Postgres.
fn prepare() -> anyhow::Result<Cluster> {
    let built = children::run(workspace::cargo().args(["build", "--release", "--workspace", "--bin", "apiary"]))?;
    if !built.success() {
        bail!("`apiary` does not build");
    }
    Cluster::start_with(&[])
}

/// Builds the release, starts a private Postgres, runs, and prints the verdict.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let cluster = prepare()?;
    let minutes = arguments.minutes.or(arguments.hours.map(|hours| hours * 60)).unwrap_or(SHORT_MINUTES);
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "apiary-tests", "--bench", "soak", "--", "--minutes", &minutes.to_string()]);
    command.arg("--folder").arg(workspace::target().join("soak"));
    if let Some(rate) = arguments.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    command.env("APIARY_TEST_POSTGRES_URL", &cluster.url);
    let status = children::run(&mut command)?;
    println!("samples and plot: target/soak/soak.csv, target/soak/soak.svg");
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
