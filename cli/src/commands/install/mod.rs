//! Installation under a service manager.

mod plan;
mod systemd;
mod units;

use clap::Subcommand;

use crate::context::Context;

/// Install parts as services of this machine
#[derive(Subcommand)]
pub(crate) enum Command {
    Systemd(systemd::Arguments),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Systemd(arguments) => systemd::run(&arguments, context),
        }
    }
}
