//! `cargo xtask bench`: the figures of this machine, on SQLite and on a private Postgres.

use std::process::ExitCode;

use anyhow::bail;

use crate::node::Package;
use crate::postgres::Cluster;
use crate::{children, workspace};

/// Counts statements, for the figures that need their number.
const COUNT_STATEMENTS: &str = "shared_preload_libraries=pg_stat_statements";
/// Express, and what a handler with it needs, for the letter that is measured beside it.
const EXPRESS: Package =
    Package { folder: "express", name: "express", version: "5.3.0", peers: &["pg@8.23.1", "stripe@23.1.0"] };
/// Letter that needs it.
const EXPRESS_LETTER: &str = "A";
/// Environment variable with the folder of Express.
const EXPRESS_FOLDER: &str = "APIARY_BENCH_EXPRESS";
/// Environment variable with another `apiary` binary to measure.
const OTHER_BINARY: &str = "APIARY_TEST_BINARY";

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Letters to run, such as T,U,L: docs/performance.md lists them. All by default.
    #[arg(long)]
    only: Option<String>,
    /// The database to run them on: postgres or sqlite. Both by default.
    #[arg(long)]
    store: Option<String>,
    /// Uses a million processes where `--only` would use a tenth of it.
    #[arg(long)]
    full: bool,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints the figures, as a table or in JSON.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if std::env::var_os(OTHER_BINARY).is_none() {
        let built = children::run(workspace::cargo().args(["build", "--release", "--workspace", "--bin", "apiary"]))?;
        if !built.success() {
            bail!("`apiary` does not build");
        }
    }
    let cluster = start_cluster()?;
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "apiary-tests", "--bench", "figures", "--"]);
    for (option, value) in [("--only", &arguments.only), ("--store", &arguments.store)] {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
    for (option, is_set) in [("--full", arguments.full), ("--json", arguments.json)] {
        if is_set {
            command.arg(option);
        }
    }
    let letters = arguments.only.as_deref().unwrap_or(EXPRESS_LETTER);
    // The letter measures nothing on SQLite.
    if arguments.store.as_deref() != Some("sqlite")
        && letters.split(',').any(|letter| letter.trim().eq_ignore_ascii_case(EXPRESS_LETTER))
    {
        match EXPRESS.installed() {
            Ok(folder) => drop(command.env(EXPRESS_FOLDER, folder)),
            Err(error) => eprintln!("the letter {EXPRESS_LETTER} will fail: {error:#}"),
        }
    }
    command.env_remove("APIARY_TEST_POSTGRES_URL");
    if let Some(cluster) = &cluster {
        command.env("APIARY_TEST_POSTGRES_URL", &cluster.url);
    }
    let status = children::run(&mut command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a cluster that counts statements, or one that does not if the module is not installed, or none.
fn start_cluster() -> anyhow::Result<Option<Cluster>> {
    let mut failure = None;
    for settings in [&[COUNT_STATEMENTS][..], &[]] {
        match Cluster::start_with(settings) {
            Ok(cluster) => return Ok(Some(cluster)),
            Err(error) => failure = Some(error),
        }
        children::go_on()?;
    }
    if let Some(error) = failure {
        eprintln!("measuring SQLite only, for want of Postgres: {error:#}");
    }
    Ok(None)
}
