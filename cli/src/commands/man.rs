//! `apiary man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::app::Cli;

const EXAMPLES: &str = "\
Examples:
  apiary man ~/.local/share/man/man1
  man apiary-process-submit";

/// Write the manual pages, one for each command, into a folder
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder for the pages; created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.folder.display();
    std::fs::create_dir_all(&arguments.folder).with_context(|| format!("cannot make {folder}"))?;
    clap_mangen::generate_to(Cli::command(), &arguments.folder).with_context(|| format!("cannot write to {folder}"))
}
