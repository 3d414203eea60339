//! The command tree, and the dispatch to a command.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand};
use tracing::Level;

use crate::commands::{
    bee, broker, bulk, colony, compat, completions, config, demo, doctor, event, executor, function, grant, guard,
    import, install, key, lease, limit, man, notify, pause, process, record, shadow, snapshot, spool, status, tls, top,
    up, webhook,
};
use crate::context::Context;
use crate::exit::{self, Fault, Quiet, ReaderGone};
use crate::output::{self, BAD, Color, Format, STRONG, WARN, note, quoted, styled};
use crate::reload::Source;
use crate::settings::{Flags, SearchPath, table, unknown_variables};
use crate::{journal, logging, mistakes};

/// A broker for signed work, its executors (bees), and the tools to operate them
#[derive(Parser)]
#[command(
    name = "apiary",
    version,
    after_help = exit::TABLE,
    after_long_help = exit::TABLE,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Configuration file; default: $APIARY_CONFIG, ./apiary.toml, or the user's file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder of `apiary up`; its apiary.toml is the configuration file
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Set any setting; `apiary config show` lists them
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Address of the broker: https://HOST:PORT, http://127.0.0.1:PORT or unix:/PATH
    #[arg(long, global = true, value_name = "ADDRESS")]
    broker: Option<String>,
    /// Id of the colony, the root of trust
    #[arg(long, global = true, value_name = "ID")]
    colony: Option<String>,
    /// File with the secret key to act with; `-` is standard input
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<String>,
    /// Format of the output
    #[arg(long, short, global = true, value_enum, default_value_t)]
    output: Format,
    /// Use of colours
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
    /// Log more on standard error; twice for much more
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Log less on standard error
    #[arg(long, short, global = true, action = ArgAction::Count)]
    quiet: u8,
    /// Level of the log: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Format of the log: text or json
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Arguments),
    Demo(demo::Arguments),
    Broker(broker::Arguments),
    Webhook(webhook::Arguments),
    Bee(bee::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Tls(tls::Command),
    #[command(subcommand)]
    Colony(colony::Command),
    #[command(subcommand)]
    Grant(grant::Command),
    #[command(subcommand)]
    Executor(executor::Command),
    #[command(subcommand)]
    Function(function::Command),
    #[command(subcommand)]
    Process(process::Command),
    #[command(subcommand)]
    Lease(lease::Command),
    #[command(subcommand)]
    Pause(pause::Command),
    #[command(subcommand)]
    Events(event::Command),
    #[command(subcommand)]
    Bulk(bulk::Command),
    #[command(subcommand)]
    Limit(limit::Command),
    #[command(subcommand)]
    Guard(guard::Command),
    #[command(subcommand)]
    Record(record::Command),
    #[command(subcommand)]
    Shadow(shadow::Command),
    #[command(subcommand)]
    Spool(spool::Command),
    #[command(subcommand)]
    Import(import::Command),
    #[command(subcommand)]
    Install(install::Command),
    Status(status::Arguments),
    Top(top::Arguments),
    Snapshot(snapshot::Arguments),
    #[command(subcommand)]
    Notify(notify::Command),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Config(config::Command),
    Compat(compat::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let mut tree = Cli::command();
            tree.build();
            let error =
                mistakes::explain(error, &tree, std::env::args_os().map(|text| text.to_string_lossy().into_owned()));
            // Help written to a closed output is no failure.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    cli.global.color.apply();
    output::suggest_with(cli.global.place_flags());
    let ended = catch_unwind(AssertUnwindSafe(|| cli.run()));
    // The log has the panic; the remaining log lines are still to be written.
    let ended = ended.unwrap_or_else(|panic| Err(anyhow!("a fault of the program: {}", apiary_daemon::words(&*panic))));
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) if error.is::<Quiet>() => ExitCode::from(exit::code(&error) as u8),
        Err(error) => report(&error),
    };
    output::finish();
    code
}

fn report(error: &anyhow::Error) -> ExitCode {
    note(&journal::failure(&format!("{} {}", styled(BAD, "error:"), exit::words(error))));
    if let Some(hint) = exit::hint(error) {
        note(&journal::failure(&format!("{} {hint}", styled(STRONG, "hint:"))));
    }
    ExitCode::from(exit::code(error) as u8)
}

impl Cli {
    fn run(self) -> anyhow::Result<()> {
        let Self { global, command } = self;
        let source = if command.reads_settings() { Some(global.source(&command)?) } else { None };
        let settings = source.as_ref().map(Source::load).transpose()?.unwrap_or_default();
        if command.runs_on() {
            output::never_wait()?;
        }
        let log = logging::start(&settings, command.log_level(), global.verbose, global.quiet);
        settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        if command.reads_settings() && global.quiet == 0 {
            warn_of_unknown_variables();
        }
        crate::daemon::raise_open_files();
        let context = Context { settings, source, log, format: global.output };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(command.run(&context))
    }
}

/// Warns about environment variables with this program's prefix that name no setting.
fn warn_of_unknown_variables() {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for (name, meant) in unknown_variables(names) {
        let advice =
            meant.map_or("`apiary config show` lists them all".to_owned(), |meant| format!("did you mean {meant}?"));
        note(&format!("{} {name} is not a setting; {advice}", styled(WARN, "warning:")));
    }
}

impl Global {
    /// Returns the flags for the configuration's place, as given.
    fn place_flags(&self) -> String {
        let given = [("--config", &self.config), ("--data", &self.data)];
        let flags = given.iter().filter_map(|(flag, path)| Some(format!("{flag} {}", quoted(path.as_deref()?))));
        flags.collect::<Vec<_>>().join(" ")
    }

    fn source(&self, command: &Command) -> Result<Source, Fault> {
        let variable = |name: &str| std::env::var(name).ok();
        let path = |name: &str| variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let place = SearchPath {
            named: self.config.clone().or_else(|| path("APIARY_CONFIG").filter(|_| self.data.is_none())),
            data: self.data.clone().or_else(|| path(&table::DATA.variable())),
        };
        Ok(Source::new(place, self.flags(command)?))
    }

    fn flags(&self, command: &Command) -> Result<Flags, Fault> {
        let mut flags = Flags::default();
        let is_field = |text: &str| {
            matches!(command, Command::Webhook(arguments) if arguments.takes_fields()) && webhook::is_field(text)
        };
        self.set.iter().filter(|text| !is_field(text)).try_for_each(|text| flags.add_set(text))?;
        flags.add(&table::DATA, self.data.as_ref().map(|path| path.display().to_string()));
        flags.add(&table::BROKER_ADDRESS, self.broker.clone());
        flags.add(&table::COLONY, self.colony.clone());
        flags.add(&table::KEY_FILE, self.key_file.clone());
        flags.add(&table::LOG_LEVEL, self.log_level.clone());
        flags.add(&table::LOG_FORMAT, self.log_format.clone());
        match command {
            Command::Broker(arguments) => arguments.flags(&mut flags),
            Command::Webhook(arguments) => arguments.flags(&mut flags),
            Command::Bee(arguments) => arguments.flags(&mut flags),
            Command::Lease(command) => command.flags(&mut flags),
            _ => {}
        }
        Ok(flags)
    }
}

impl Command {
    /// Returns false for commands that must work with broken settings.
    fn reads_settings(&self) -> bool {
        !matches!(self, Self::Compat(_) | Self::Completions(_) | Self::Man(_) | Self::Demo(_) | Self::Install(_))
    }

    /// Returns the default log level: services log their activity, other commands only faults.
    fn log_level(&self) -> Level {
        match self {
            Self::Broker(_) => Level::INFO,
            Self::Bee(arguments) if arguments.runs() => Level::INFO,
            Self::Webhook(arguments) if arguments.is_adapter() => Level::INFO,
            Self::Demo(_) => Level::ERROR,
            _ => Level::WARN,
        }
    }

    /// Returns true for services, which run until they are stopped: their output must never block them.
    fn runs_on(&self) -> bool {
        match self {
            Self::Up(_) | Self::Broker(_) => true,
            Self::Bee(arguments) => arguments.runs(),
            Self::Webhook(arguments) => arguments.is_adapter(),
            _ => false,
        }
    }

    async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Up(arguments) => Box::pin(up::run(&arguments, context)).await,
            Self::Demo(arguments) => Box::pin(demo::run(&arguments, context)).await,
            Self::Broker(arguments) => broker::run(&arguments, context).await,
            Self::Webhook(arguments) => webhook::run(&arguments, context).await,
            Self::Bee(arguments) => Box::pin(bee::run(&arguments, context)).await,
            Self::Key(command) => command.run(context),
            Self::Tls(command) => command.run(context),
            Self::Colony(command) => command.run(context).await,
            Self::Grant(command) => command.run(context).await,
            Self::Executor(command) => command.run(context).await,
            Self::Function(command) => command.run(context).await,
            Self::Process(command) => command.run(context).await,
            Self::Lease(command) => command.run(context).await,
            Self::Pause(command) => command.run(context).await,
            Self::Events(command) => command.run(context).await,
            Self::Bulk(command) => command.run(context).await,
            Self::Limit(command) => command.run(context).await,
            Self::Guard(command) => command.run(context).await,
            Self::Record(command) => command.run(context).await,
            Self::Shadow(command) => Box::pin(command.run(context)).await,
            Self::Spool(command) => command.run(context).await,
            Self::Import(command) => command.run(context).await,
            Self::Install(command) => command.run(context),
            Self::Status(arguments) => status::run(&arguments, context).await,
            Self::Top(arguments) => Box::pin(top::run(&arguments, context)).await,
            Self::Snapshot(arguments) => snapshot::run(&arguments, context).await,
            Self::Notify(command) => command.run(context).await,
            Self::Doctor(arguments) => doctor::run(&arguments, context).await,
            Self::Config(command) => command.run(context),
            Self::Compat(arguments) => compat::run(&arguments, context),
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    /// Returns every command with its path.
    fn commands() -> Vec<(Vec<String>, clap::Command)> {
        fn walk(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
            let path = [path, &[command.get_name().to_owned()]].concat();
            command.get_subcommands().for_each(|inner| walk(inner, &path, found));
            found.push((path, command.clone()));
        }
        let mut found = Vec::new();
        walk(&Cli::command(), &[], &mut found);
        found
    }

    #[test]
    fn a_number_that_is_none_is_told_in_words() {
        for (path, command) in commands() {
            for flag in command
                .get_arguments()
                .filter(|flag| flag.get_action().takes_values())
                .filter_map(|flag| flag.get_long())
            {
                for value in ["x", "", "-1", "1.5", "99999999999999999999"] {
                    let flag = format!("--{flag}={value}");
                    let words = match Cli::command().try_get_matches_from([&path[..], &[flag]].concat()) {
                        Ok(_) => continue,
                        Err(error) => error.to_string(),
                    };
                    for leak in
                        ["invalid digit", "empty string", "target type", "is not in", "float literal", "invalid type"]
                    {
                        assert!(!words.contains(leak), "{path:?}: {words}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_tree_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn walk(command: &clap::Command, path: &str, without: &mut Vec<String>) {
            for inner in command.get_subcommands() {
                let path = format!("{path} {}", inner.get_name());
                if inner.has_subcommands() {
                    walk(inner, &path, without);
                } else if !inner.get_after_help().is_some_and(|help| help.to_string().contains(&path)) {
                    without.push(path);
                }
            }
        }
        let mut without = Vec::new();
        walk(&Cli::command(), "apiary", &mut without);
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn exit_codes_are_those_of_the_table() {
        for (exit, code) in [
            (Exit::Failure, 1),
            (Exit::Usage, 2),
            (Exit::Refused, 3),
            (Exit::Unreachable, 4),
            (Exit::NotFound, 5),
            (Exit::Broken, 6),
            (Exit::Guarded, 7),
            (Exit::Idle, 8),
            (Exit::Cancelled, 9),
        ] {
            assert_eq!(exit as u8, code);
            assert!(exit::TABLE.contains(&format!("\n  {code}  ")));
        }
    }
}
