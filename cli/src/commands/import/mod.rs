//! Bringing over what another queue still holds.

mod colony_tasks;
mod secret_file;
mod view;

use clap::Subcommand;

use crate::context::Context;

/// Bring over what an older queue still holds
#[derive(Subcommand)]
pub(crate) enum Command {
    ColonyTasks(Box<colony_tasks::Arguments>),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::ColonyTasks(arguments) => colony_tasks::run(&arguments, context).await,
        }
    }
}
