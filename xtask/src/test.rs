//! `cargo xtask test`: every test of the workspace, on SQLite and on a real Postgres.

use std::io::IsTerminal as _;
use std::process::{Command, ExitCode};

use anyhow::bail;

use crate::servers::{Missing, Servers};
use crate::tally::Tally;
use crate::{children, workspace};

/// Environment variable with the number of concurrent tests of a program.
const THREADS: &str = "RUST_TEST_THREADS";
/// Environment variable with the seed of the tests' random choices, to repeat a failed run.
const SEED: &str = "APIARY_TEST_SEED";
/// Concurrent tests per core: most tests wait for a broker, an executor or a disk, few for a core.
const TESTS_PER_CORE: usize = 4;

/// Programs started by a package's tests, and the packages that contain them.
const STARTED: [(&str, &str, &[&str]); 2] =
    [("apiary-tests", "apiary", &["--bin", "apiary"]), ("apiary", "apiary-executor-sdk", &["--examples"])];

/// The tests to run, and the strictness.
#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Fails if a requirement that could be installed is missing, so that some tests cannot run.
    #[arg(long)]
    all: bool,
    /// Runs Postgres with `fsync` on, as in production: slower, because each test makes a database of its own.
    #[arg(long)]
    durable: bool,
    /// Runs only the tests of this package; may be given several times.
    #[arg(long, short, value_name = "PACKAGE")]
    package: Vec<String>,
    /// Runs only tests whose path contains one of these.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Passes options to the test programs, for example `-- --nocapture`.
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

impl Arguments {
    /// Returns the arguments for every test, all of which must run.
    pub(crate) fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Returns these arguments with a Postgres that waits for its disk.
    pub(crate) fn durable(self) -> Self {
        Self { durable: true, ..self }
    }

    /// Returns the arguments for tests whose path contains `filter`, with options for the test programs.
    pub(crate) fn chosen(filter: &str, options: &[&str]) -> Self {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Self { filters: vec![filter.to_owned()], options, ..Self::default() }
    }
}

/// Runs the tests, and returns their exit code.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    build(arguments)?;
    let servers = Servers::provide(arguments.durable)?;
    let left_out = left_out(arguments, &servers)?;
    let mut tally = Tally::default();
    let mut command = test_command(arguments, &servers);
    let status = children::run_and_read(&mut command, |line| tally.add_line(line))?;
    summarise(&tally, &servers, &left_out);
    let incomplete = arguments.all && servers.missing.iter().any(|missing| missing.installable);
    Ok(match status.code() {
        Some(0) if incomplete => {
            eprintln!("--all was asked for, and not all tests could run");
            ExitCode::FAILURE
        }
        Some(code) => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
        None => ExitCode::FAILURE,
    })
}

fn test_command(arguments: &Arguments, servers: &Servers) -> Command {
    let color = if std::io::stdout().is_terminal() { "--color=always" } else { "--color=never" };
    let mut command = cargo_test(arguments);
    command.args(["--no-fail-fast", color, "--", color]).args(&arguments.filters);
    for missing in &servers.missing {
        command.args(["--skip", missing.path_part]);
    }
    command.args(&arguments.options);
    clean_environment(&mut command);
    command.envs(servers.variables());
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        command.env(THREADS, (cores * TESTS_PER_CORE).to_string());
    }
    command
}

/// Builds the tests, and the programs that some of them start, in a single cargo call: separately, the programs'
/// dependencies would be built a second time, without the features that only tests enable.
fn build(arguments: &Arguments) -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    select(command.args(["build", "--tests"]), arguments);
    let everything = arguments.package.is_empty();
    for (tests, package, program) in STARTED {
        if everything {
            command.args(program);
        } else if arguments.package.iter().any(|chosen| chosen == tests) {
            command.args(["--package", package]).args(program);
        }
    }
    if !children::run(&mut command)?.success() {
        bail!("the tests do not build");
    }
    Ok(())
}

/// Returns the tests that cannot run, for each missing requirement.
fn left_out(arguments: &Arguments, servers: &Servers) -> anyhow::Result<Vec<Vec<String>>> {
    if servers.missing.is_empty() {
        return Ok(Vec::new());
    }
    // Unit and integration tests only: an example in a document needs no server.
    let listing = children::output_of(cargo_test(arguments).args(["--tests", "--", "--list", "--format=terse"]))?;
    let chosen = |test: &&str| {
        arguments.filters.is_empty() || arguments.filters.iter().any(|filter| test.contains(filter.as_str()))
    };
    let tests: Vec<&str> = listing.lines().filter_map(|line| line.strip_suffix(": test")).filter(chosen).collect();
    let needing = |missing: &Missing| {
        tests.iter().filter(|test| test.contains(missing.path_part)).map(|test| (*test).to_owned()).collect()
    };
    Ok(servers.missing.iter().map(needing).collect())
}

fn cargo_test(arguments: &Arguments) -> Command {
    let mut command = workspace::cargo();
    select(command.arg("test"), arguments);
    command
}

fn select(command: &mut Command, arguments: &Arguments) {
    if arguments.package.is_empty() {
        command.arg("--workspace");
    }
    for package in &arguments.package {
        command.args(["--package", package]);
    }
}

/// Removes the caller's settings, all but the seed, from the environment of the tests.
fn clean_environment(command: &mut Command) {
    const OURS_AND_VENDORS: [&str; 5] = ["APIARY_", "PG", "STRIPE_", "SUPABASE_", "DATABASE_URL"];
    for (name, _value) in std::env::vars_os() {
        if name != SEED && OURS_AND_VENDORS.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

fn summarise(tally: &Tally, servers: &Servers, left_out: &[Vec<String>]) {
    let mut not_run = 0;
    println!();
    for (missing, tests) in servers.missing.iter().zip(left_out) {
        not_run += tests.len();
        let tests = if tests.is_empty() { "no test that was asked for".to_owned() } else { tests.join(", ") };
        println!("NOT RUN for want of {} ({}): {tests}", missing.name, missing.advice);
    }
    println!("cargo xtask test: {tally}, {not_run} not run; on {}", servers.present.join(", "));
}
