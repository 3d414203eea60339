//! `cargo xtask bench`: the figures of this machine, on SQLite and on a private Postgres.

use std::process::ExitCode;

use anyhow::bail;

use crate::postgres::Cluster;
use crate::{children, workspace};

/// Measures and prints the figures, as a table or in JSON.
pub(crate) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let built = children::run(workspace::cargo().args(["build", "--release", "--workspace", "--bin", "apiary"]))?;
    if !built.success() {
        bail!("`apiary` does not build");
    }
    let cluster = match Cluster::start() {
        Ok(cluster) => Some(cluster),
        Err(error) => {
            children::go_on()?;
            eprintln!("measuring SQLite only, for want of Postgres: {error:#}");
            None
        }
    };
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "apiary-tests", "--bench", "figures", "--"]);
    if json {
        command.arg("--json");
    }
    command.env_remove("APIARY_TEST_POSTGRES_URL");
    if let Some(cluster) = &cluster {
        command.env("APIARY_TEST_POSTGRES_URL", &cluster.url);
    }
    let status = children::run(&mut command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
