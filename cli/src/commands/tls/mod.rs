//! Certificates for the parts of a small set-up: an authority of one's own, and what it certifies.

mod authority;
mod folder;
mod generate;
mod renew;

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::output::table;

/// Make certificates for TLS between the parts
#[derive(Subcommand)]
pub(crate) enum Command {
    New(generate::Arguments),
    Renew(renew::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::New(arguments) => generate::run(&arguments, context),
            Self::Renew(arguments) => renew::run(&arguments, context),
        }
    }
}

/// A file that was written.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    /// The names and addresses that it stands for; nothing for a key.
    names: Vec<String>,
    /// The end of its validity; nothing for a key.
    until: Option<Timestamp>,
    /// The setting that names the file, on the machine that needs it.
    setting: Option<&'static str>,
}

fn print(written: &[Written], context: &Context) -> anyhow::Result<()> {
    context.format.print(&written, |written| {
        let row = |file: &Written| {
            let until = file.until.map(|until| until.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
            let setting = file.setting.unwrap_or("none: keep it here").to_owned();
            vec![file.file.display().to_string(), file.names.join(", "), until, setting]
        };
        table(&["file", "for", "until", "setting"], written.iter().map(row))
    })
}
