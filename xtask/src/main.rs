//! Everything a contributor runs. `cargo xtask help` lists it.

mod apt;
mod bench;
mod check_long;
mod children;
mod ci;
mod dist;
mod go;
mod lint_image;
mod lint_manifests;
mod lint_pages;
mod lint_proto;
mod lint_rules;
mod lint_units;
mod node;
mod pgbouncer;
mod postgres;
mod proto;
mod python;
mod servers;
mod soak;
mod systemd;
mod tally;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Contributors' tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every test, on SQLite, on a private Postgres, and against Supabase's own server.
    Test(test::Arguments),
    /// Runs everything that must pass before a change is accepted.
    Ci,
    /// Runs checks too long for every change: attacks of minutes, kills, and the whole suite many times.
    CheckLong(check_long::Arguments),
    /// Measures latency, throughput and memory of a release build, beside goals and floors.
    Bench(bench::Arguments),
    /// Runs a colony under a steady load for hours, kills each of its parts once, and judges.
    Soak(soak::Arguments),
    /// Measures how much longer a CI runner's job takes beside a colony, with the figures of the units; needs root.
    Neighbour,
    /// Generates the Rust code of `proto/schema` into `proto/src/generated`.
    Proto {
        /// Fails if the checked-in code differs, and writes nothing.
        #[arg(long)]
        check: bool,
    },
    /// Lints `proto/schema` with buf.
    LintProto,
    /// Checks `docs/openapi.json` against OpenAPI's own rules.
    LintPages,
    /// Checks `deploy/Dockerfile` with hadolint.
    LintImage,
    /// Checks `deploy/compose` and `deploy/kubernetes`.
    LintManifests,
    /// Checks the alert rules in `deploy/prometheus` with promtool, and makes each fire, and not fire.
    LintRules,
    /// Checks `deploy/systemd` with systemd's own checks.
    LintUnits,
    /// Makes the archive of a release: program, completions, manual pages, licence; and its checksum.
    Dist(dist::Arguments),
    /// Runs a private Postgres until standard input ends. `test` and `bench` start it.
    #[command(hide = true)]
    GuardPostgres {
        /// Settings of the server, each as `name=value`.
        #[arg(long)]
        setting: Vec<String>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let task = Arguments::parse().task;
    if !matches!(task, Task::GuardPostgres { .. }) {
        children::pass_signals_on()?;
    }
    let done = match task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Ci => ci::run(),
        Task::CheckLong(arguments) => check_long::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Neighbour => soak::run_neighbour(),
        Task::Proto { check } => proto::run(check).map(|()| ExitCode::SUCCESS),
        Task::LintProto => lint_proto::run().map(|()| ExitCode::SUCCESS),
        Task::LintPages => lint_pages::run().map(|()| ExitCode::SUCCESS),
        Task::LintImage => lint_image::run().map(|()| ExitCode::SUCCESS),
        Task::LintManifests => lint_manifests::run().map(|()| ExitCode::SUCCESS),
        Task::LintRules => lint_rules::run().map(|()| ExitCode::SUCCESS),
        Task::LintUnits => lint_units::run().map(|()| ExitCode::SUCCESS),
        Task::Dist(arguments) => dist::run(&arguments).map(|()| ExitCode::SUCCESS),
        Task::GuardPostgres { setting } => postgres::run_guard(&setting).map(|()| ExitCode::SUCCESS),
    };
    done.or_else(|error| match error.downcast_ref::<children::InterruptError>() {
        // 128 and the signal's number, as a shell reports it.
        Some(children::InterruptError(signal)) => {
            Ok(u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from))
        }
        None => Err(error),
    })
}
