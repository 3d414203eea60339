//! Notifications: where they go, what is open, and whether they arrive.

mod list;
mod test;

use clap::Subcommand;

use crate::context::Context;

/// Show where notifications go and what is open, and try whether they arrive
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    Test(test::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(arguments) => list::run(&arguments, context),
            Self::Test(arguments) => test::run(&arguments, context).await,
        }
    }
}
