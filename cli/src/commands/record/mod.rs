//! The state of record.

pub(crate) mod show;

use clap::Subcommand;

use crate::context::Context;

/// Show the state of record: the finance bee's data
#[derive(Subcommand)]
pub(crate) enum Command {
    Show(show::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Show(arguments) => show::run(&arguments, context).await,
        }
    }
}
