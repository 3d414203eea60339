//! Grants: the colony's signed statements of who may do what.

mod add;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod signed;

use clap::Subcommand;

use crate::context::Context;

/// Say who may do what, look at who may, end it
#[derive(Subcommand)]
pub(crate) enum Command {
    Add(Box<add::Arguments>),
    List(list::Arguments),
    Revoke(Box<revoke::Arguments>),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(arguments) => add::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Revoke(arguments) => revoke::run(&arguments, context).await,
        }
    }
}
