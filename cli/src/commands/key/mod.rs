//! Commands for keys. None of them prints a secret.

mod id;
mod new;
mod show;

use clap::Subcommand;

use crate::context::Context;

/// Generate keys, and show their public halves
#[derive(Subcommand)]
pub(crate) enum Command {
    New(new::Arguments),
    Show(show::Arguments),
    Id(id::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::New(arguments) => new::run(&arguments, context),
            Self::Show(arguments) => show::run(&arguments, context),
            Self::Id(arguments) => id::run(&arguments, context),
        }
    }
}
