//! Grants: the colony's signed permissions.

mod add;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod signed;

use clap::Subcommand;

use crate::context::Context;

/// Add, list and revoke grants: the colony's signed permissions
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
