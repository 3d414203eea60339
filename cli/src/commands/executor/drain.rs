//! `apiary executor drain`.

use clap::Args;

use super::view::{ExecutorView, text};
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary executor drain finance-2
  apiary executor drain finance-2 --off";

/// Stop handing work to an executor; it finishes its current work. Needs the right `executors`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the executor; applies to all keys of that name
    name: String,
    /// Hand work to the executor again
    #[arg(long)]
    off: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let found = client.drain_executor(&arguments.name, !arguments.off).await?;
    let executors: Vec<ExecutorView> = found.into_iter().map(ExecutorView::from).collect();
    context.format.print(&executors, |executors| text(executors))
}
