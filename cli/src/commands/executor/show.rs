//! `apiary executor show`.

use clap::Args;

use super::view::ExecutorView;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary executor show finance
  apiary executor show ed25519:… -o json";

/// Show an executor: its equipment, functions and state. Needs the right `read` or `executors`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name or key of the executor
    #[arg(value_name = "NAME|KEY")]
    who: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let found = super::named(&client, &arguments.who, &[]).await?;
    let executors: Vec<ExecutorView> = found.into_iter().map(ExecutorView::from).collect();
    context
        .format
        .print(&executors, |executors| executors.iter().map(ExecutorView::text).collect::<Vec<_>>().join("\n"))
}
