//! Import of work from another queue.

mod colony_tasks;
mod secret_file;
mod view;

use clap::Subcommand;

use crate::context::Context;

/// Import the remaining work of an older queue
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
