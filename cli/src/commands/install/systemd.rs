//! `apiary install systemd`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use super::plan::{Plan, Planned, State};
use super::units::{Part, SLICE, SLICE_FILE, check_credential, in_unit};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{STRONG, quoted, styled, table};

const EXAMPLES: &str = "\
Examples:
  apiary install systemd broker webhook finance            # says what it would write, and writes nothing
  sudo apiary install systemd broker webhook finance --yes
  sudo apiary install systemd finance --yes --force        # over a unit that was changed

Each part has a folder in /etc/apiary: `broker`, `webhook`, `bee-NAME`. In it are its settings, apiary.toml, and its secrets, each in a file of
its credential's name in `credentials` (apiary-key, apiary-finance-database-url, …). Run it again after secrets were added.";

/// Write systemd units of the broker, the webhook adapter and bees
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The parts to install: the broker, the webhook adapter, and bees by their names
    #[arg(value_name = "PART", required = true, value_parser = parts())]
    parts: Vec<Part>,
    /// Write the files; otherwise it only says which
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say which files would be written; the default
    #[arg(long)]
    dry_run: bool,
    /// Overwrite units that were changed
    #[arg(long)]
    force: bool,
    /// Folder of the units
    #[arg(long, value_name = "DIR", default_value = "/etc/systemd/system")]
    unit_dir: PathBuf,
    /// Folder of the parts' settings and secrets
    #[arg(long, value_name = "DIR", default_value = "/etc/apiary")]
    etc: PathBuf,
    /// Path of the program in the units; this program if not set
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Reads the name of a part; help and completions list all there are.
fn parts() -> impl TypedValueParser<Value = Part> {
    let names = Part::all().into_iter().map(|(part, about)| PossibleValue::new(part.name()).help(about));
    PossibleValuesParser::new(names).try_map(|name| {
        let found = Part::all().into_iter().find(|(part, _)| part.name() == name);
        found.map(|(part, _)| part).ok_or_else(|| format!("no part is named `{name}`"))
    })
}

/// Answer of the command.
#[derive(Serialize)]
struct Installation<'a> {
    /// True if the files were written.
    written: bool,
    files: &'a [Planned],
    /// Files with secrets without which a unit does not start.
    missing: Vec<PathBuf>,
    /// Commands to run next.
    next: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let plan = plan(arguments)?;
    if !arguments.force {
        plan.check_unchanged()?;
    }
    if arguments.yes {
        plan.carry_out()?;
    }
    let secret = |part: &Part| part.folder(&arguments.etc).join("credentials").join(part.credential());
    let missing: Vec<PathBuf> = arguments.parts.iter().map(secret).filter(|file| !file.exists()).collect();
    let next = next(arguments, &missing);
    let answer = Installation { written: arguments.yes, files: &plan.files, missing, next };
    context.format.print(&answer, text)
}

fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    if !arguments.unit_dir.is_dir() {
        return Err(Fault::failure(format!("there is no folder {}", arguments.unit_dir.display()))
            .hint("is systemd the service manager here? --unit-dir names another folder")
            .into());
    }
    let own = std::env::current_exe().context("this program's own path");
    let program = arguments.program.clone().map_or_else(|| own, Ok)?;
    let (program, etc) = (in_unit(&program)?, in_unit(&arguments.etc)?);
    let mut plan = Plan::default();
    for &part in &arguments.parts {
        let folder = part.folder(&arguments.etc);
        let secrets = folder.join("credentials");
        let others = others(part, &secrets)?;
        plan.folder(folder.clone(), 0o755);
        plan.folder(secrets.clone(), 0o700);
        plan.file(arguments.unit_dir.join(part.unit_file()), part.text(program, etc))?;
        if !others.is_empty() {
            let drop_ins = arguments.unit_dir.join(format!("{}.service.d", part.unit()));
            plan.folder(drop_ins.clone(), 0o755);
            plan.file(drop_ins.join("credentials.conf"), part.drop_in(&others, in_unit(&secrets)?))?;
        }
        plan.starter(folder.join("apiary.toml"), part.settings().to_owned());
    }
    plan.file(arguments.unit_dir.join(SLICE_FILE), SLICE.to_owned())?;
    Ok(plan)
}

/// Returns the names of credentials in this folder besides the one of the unit.
fn others(part: Part, folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let words = format!("{} may not be read: {error}", folder.display());
            return Err(Fault::failure(words).hint("run it as root: only the names of the files are read").into());
        }
        entries => entries.with_context(|| folder.display().to_string())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Editors leave hidden files.
        if !name.starts_with('.') && name != part.credential() {
            check_credential(&name, folder)?;
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn next(arguments: &Arguments, missing: &[PathBuf]) -> Vec<String> {
    if !arguments.yes {
        return vec!["the same command with --yes, as root".to_owned()];
    }
    let units: Vec<String> = arguments.parts.iter().map(|part| part.unit()).collect();
    let secrets = missing.iter().map(|file| format!("install -m 0600 FILE {}", quoted(file)));
    let commands = [
        "systemctl daemon-reload".to_owned(),
        format!("systemctl enable --now {}", units.join(" ")),
        format!("systemctl status {}", units.join(" ")),
    ];
    secrets.chain(commands).collect()
}

fn text(answer: &Installation<'_>) -> String {
    let words = |state| match (state, answer.written) {
        (State::New, true) => "written",
        (State::New, false) => "new",
        (State::Changed, true) => "overwritten",
        (State::Changed, false) => "changed, would be overwritten",
        (State::Same, _) => "unchanged",
        (State::Kept, _) => "yours, kept",
    };
    let rows = answer.files.iter().map(|planned| vec![planned.file.display().to_string(), words(planned.state).into()]);
    let mut parts = vec![table(&["file", "state"], rows).trim_end().to_owned()];
    if !answer.written {
        parts.push("nothing was written".to_owned());
    }
    let missing = answer.missing.iter().map(|file| format!("still needed: the secret {}", quoted(file)));
    parts.extend(lines(missing));
    let next = answer.next.iter().map(|command| format!("  {command}"));
    parts.extend(lines(std::iter::once(styled(STRONG, "next:")).chain(next)));
    parts.join("\n\n")
}

fn lines(lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
