//! Functions.

mod list;

use clap::Subcommand;

use crate::context::Context;

/// List functions and their statistics
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(arguments) => list::run(&arguments, context).await,
        }
    }
}
