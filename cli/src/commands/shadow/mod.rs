//! Shadow mode: the tables of an older webhook handler, until the state of record replaces them.

pub(crate) mod cutover;
pub(crate) mod report;
pub(crate) mod rollback;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_bees::finance::Finance;
use apiary_bees::finance::limits::SHADOW_MAP_BYTES_MAX;
use apiary_bees::finance::shadow::{Mapping, Shadow, ShadowError};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::{files, up};

/// Compare an older webhook handler's tables with the finance bee's record, replace them, and go back
#[derive(Subcommand)]
pub(crate) enum Command {
    Report(report::Arguments),
    Cutover(cutover::Arguments),
    Rollback(rollback::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Report(arguments) => report::run(&arguments, context).await,
            Self::Cutover(arguments) => cutover::run(&arguments, context).await,
            Self::Rollback(arguments) => rollback::run(&arguments, context).await,
        }
    }
}

/// Note of a command without `--yes`.
const DRY: &str = "nothing was changed; --yes runs these statements";

/// The mapping file.
#[derive(Args)]
struct Map {
    /// Mapping of old tables to the state of record, TOML; docs/shadow.md describes it
    #[arg(long = "map", value_name = "FILE")]
    file: PathBuf,
}

impl Map {
    /// Reads the file, and makes a call with the connection of `finance.database_url`.
    async fn run<T>(
        &self,
        context: &Context,
        call: impl AsyncFnOnce(&Shadow) -> Result<T, ShadowError>,
    ) -> anyhow::Result<T> {
        let mapping = read(&self.file)?;
        let shadow = Shadow::open(&up::bee_values(&Finance, &context.settings), mapping).map_err(fault)?;
        let ended = call(&shadow).await;
        shadow.close().await;
        Ok(ended.map_err(fault)?)
    }
}

fn read(path: &Path) -> anyhow::Result<Mapping> {
    let bytes = files::read(path, SHADOW_MAP_BYTES_MAX, "a mapping has")?;
    let mapping = match str::from_utf8(&bytes) {
        Ok(text) => Mapping::read(text).map_err(fault),
        Err(_) => Err(Fault::usage("it is not UTF-8")),
    };
    mapping.with_context(|| path.display().to_string())
}

/// Converts an error to its exit code.
fn fault(error: ShadowError) -> Fault {
    let exit = match &error {
        ShadowError::Usage(_) => Exit::Usage,
        ShadowError::Unavailable(_) => Exit::Unreachable,
        ShadowError::Refused(_) | ShadowError::Locked { .. } | ShadowError::Database { .. } => Exit::Failure,
    };
    Fault::new(exit, error.to_string())
}

/// Formats statements as a script of one transaction.
fn script(statements: &[String], marks: &str) -> String {
    let statements = statements.iter().map(|statement| format!("{statement};\n"));
    format!("begin;\n{}-- {marks}\ncommit;", statements.collect::<String>())
}
