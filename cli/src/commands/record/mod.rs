//! The state of record.

pub(crate) mod show;

use clap::Subcommand;

use crate::context::Context;

/// Look at the state of record: what the finance bee keeps
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
