//! Processes.

mod chain;
#[cfg(test)]
mod chain_tests;
mod get;
mod list;
mod requires;
pub(crate) mod select;
mod submit;
pub(crate) mod verify;
pub(crate) mod view;
mod watch;

use clap::Subcommand;

use crate::context::Context;

/// Submit work, follow it, check who signed it
#[derive(Subcommand)]
pub(crate) enum Command {
    Submit(Box<submit::Arguments>),
    Get(get::Arguments),
    List(list::Arguments),
    Watch(watch::Arguments),
    Verify(verify::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Submit(arguments) => submit::run(&arguments, context).await,
            Self::Get(arguments) => get::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Watch(arguments) => watch::run(&arguments, context).await,
            Self::Verify(arguments) => verify::run(&arguments, context).await,
        }
    }
}
