//! The settings in effect.

mod show;

use clap::Subcommand;

use crate::context::Context;

/// Show the settings in effect
#[derive(Subcommand)]
pub(crate) enum Command {
    Show(show::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Show(arguments) => show::run(&arguments, context),
        }
    }
}
