//! Functions: what can be done here.

mod list;

use clap::Subcommand;

use crate::context::Context;

/// Look at what executors can do, and how it did
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
