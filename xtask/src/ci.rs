//! `cargo xtask ci`: everything that must pass before a change is accepted, as `.ci/run` runs it.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::{
    children, lint_image, lint_manifests, lint_pages, lint_proto, lint_rules, lint_units, proto, test, workspace,
};

/// Outcome of a step.
enum Outcome {
    Held,
    Failed,
    /// Skipped, with the reason.
    LeftOut(&'static str),
}

type Step = fn() -> anyhow::Result<Outcome>;

/// The steps, the quick ones first. Documentation follows clippy, because it reuses the artifacts that clippy has
/// compiled.
const STEPS: [(&str, Step); 13] = [
    ("format", || cargo(&["fmt", "--all", "--check"], &[])),
    ("generated code", || held(proto::run(true))),
    ("schema lint", || held(lint_proto::run())),
    ("page lint", || held(lint_pages::run())),
    ("image lint", || held(lint_image::run())),
    ("manifest lint", || held(lint_manifests::run())),
    ("rule lint", || held(lint_rules::run())),
    ("unit lint", || held(lint_units::run())),
    ("dependencies", dependencies),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])),
    ("client alone", || {
        cargo(&["clippy", "--package", "apiary-executor-sdk", "--no-default-features", "--", "-D", "warnings"], &[])
    }),
    ("documentation", || cargo(&["doc", "--no-deps", "--workspace"], &[("RUSTDOCFLAGS", "-D warnings")])),
    ("tests", tests),
];

/// Runs all steps, also after a failure, and prints a summary.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let mut outcomes = Vec::new();
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = step().or_else(|error| {
            // A signal to stop is no failed step.
            children::go_on()?;
            eprintln!("{error:#}");
            anyhow::Ok(Outcome::Failed)
        })?;
        outcomes.push((name, outcome, start.elapsed()));
    }
    println!();
    for (name, outcome, took) in &outcomes {
        println!("{}", line(name, outcome, *took));
    }
    let failed = outcomes.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn dependencies() -> anyhow::Result<Outcome> {
    if workspace::on_path("cargo-deny").is_empty() {
        return Ok(Outcome::LeftOut("cargo-deny is not installed: `cargo install cargo-deny --locked`"));
    }
    cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"], &[])
}

fn tests() -> anyhow::Result<Outcome> {
    let code = test::run(&test::Arguments::everything())?;
    Ok(if code == ExitCode::SUCCESS { Outcome::Held } else { Outcome::Failed })
}

fn cargo(arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Outcome> {
    let mut command: Command = workspace::cargo();
    let status = children::run(command.args(arguments).envs(variables.iter().copied()))?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(Outcome::Held)
}

fn held(outcome: anyhow::Result<()>) -> anyhow::Result<Outcome> {
    outcome.map(|()| Outcome::Held)
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let seconds = took.as_secs();
    match outcome {
        Outcome::Held => format!("held      {name} ({seconds} s)"),
        Outcome::Failed => format!("FAILED    {name} ({seconds} s)"),
        Outcome::LeftOut(reason) => format!("left out  {name}: {reason}"),
    }
}
