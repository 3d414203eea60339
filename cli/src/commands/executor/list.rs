//! `apiary executor list`.

use clap::Args;

use super::view::{ExecutorView, text};
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary executor list
  apiary executor list --type finance --state silent --state gone
  apiary executor list --state pending -o json";

/// List executors and their states. Needs the right `read`, `executors` or `approve`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only executors of this type
    #[arg(long = "type", value_name = "TYPE", default_value = "", hide_default_value = true)]
    executor_type: String,
    /// Only executors in this state; may be given several times
    #[arg(long = "state", value_name = "STATE", value_parser = ["pending", "rejected", "idle", "busy", "draining", "silent", "gone", "removed"])]
    states: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let found = super::all(&client, &arguments.executor_type, &arguments.states).await?;
    let executors: Vec<ExecutorView> = found.into_iter().map(ExecutorView::from).collect();
    context.format.print(&executors, |executors| text(executors))
}
