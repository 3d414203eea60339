//! Certificates for a small installation, with an authority of one's own.

mod authority;
mod folder;
mod new;
mod renew;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::output::table;

/// Create certificates for TLS between the parts
#[derive(Subcommand)]
pub(crate) enum Command {
    New(new::Arguments),
    Renew(renew::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::New(arguments) => new::run(&arguments, context),
            Self::Renew(arguments) => renew::run(&arguments, context),
        }
    }
}

/// A written file.
#[derive(Serialize)]
struct FileOutput {
    file: PathBuf,
    /// Names and addresses in the certificate; empty for a key.
    names: Vec<String>,
    /// End of its validity; absent for a key.
    until: Option<Timestamp>,
    /// Setting that names the file, on the machine that needs it.
    setting: Option<&'static str>,
}

fn print(written: &[FileOutput], context: &Context) -> anyhow::Result<()> {
    context.format.print(&written, |written| {
        let row = |file: &FileOutput| {
            let until = file.until.map(|until| until.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
            let setting = file.setting.unwrap_or("none: keep it here").to_owned();
            vec![file.file.display().to_string(), file.names.join(", "), until, setting]
        };
        table(&["file", "for", "until", "setting"], written.iter().map(row))
    })
}
