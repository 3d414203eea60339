//! Colonies.

mod create;
mod health;
mod show;

use clap::Subcommand;

use crate::context::Context;

/// Create a colony, show yours
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Box<create::Arguments>),
    Show(show::Arguments),
    Health(health::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Create(arguments) => create::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::Health(arguments) => health::run(&arguments, context).await,
        }
    }
}
