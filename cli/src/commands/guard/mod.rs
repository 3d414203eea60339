//! The guard: what work may contain.

mod check;
mod defaults;

use clap::Subcommand;

use crate::context::Context;

/// Try out rules about what work may contain, print the default ones
#[derive(Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Defaults(defaults::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Check(arguments) => check::run(&arguments, context),
            Self::Defaults(_) => defaults::run(),
        }
    }
}
