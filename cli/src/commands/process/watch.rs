//! `apiary process watch`.

use apiary_executor_sdk::v1;
use clap::Args;

use super::select::{Filter, Which};
use super::view::{ProcessView, is_finished};
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process watch latest
  apiary process watch --type finance --state failed --state dead_letter
  apiary process watch -o json | jq --unbuffered -r '.state + \" \" + .process_id'";

/// Show changes of state and progress: of one process until it is finished, or of all matching processes
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Option<Which>,
    #[command(flatten)]
    filter: Filter,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let request = match arguments.id {
        Some(_) if !arguments.filter.is_empty() => {
            return Err(Fault::usage("watch one process, or all that match a filter: not both").into());
        }
        Some(which) => v1::WatchRequest { process_id: which.find(&client).await?.to_string(), ..Default::default() },
        None => v1::WatchRequest { filter: Some(arguments.filter.to_proto()), ..Default::default() },
    };
    let mut watch = client.watch(request).await?;
    let mut finished = false;
    while let Some(process) = watch.next().await {
        let process = process?;
        finished = is_finished(process.state());
        context.format.print(&ProcessView::from(process), line)?;
    }
    match arguments.id {
        Some(_) if finished => Ok(()),
        _ => Err(Fault::new(Exit::Unreachable, "the broker ended the watch: start it again").into()),
    }
}

fn line(process: &ProcessView) -> String {
    let since = process.state_since.map(|at| at.to_string()).unwrap_or_default();
    let executor = if process.executor.is_empty() { "" } else { " by " };
    let reason = if process.reason.is_empty() { "" } else { ": " };
    let progress = process.progress_line();
    let progress = if progress.is_empty() { progress } else { format!(" ({progress})") };
    plain(&format!(
        "{since} {} {} {}/{} attempt {}{executor}{}{progress}{reason}{}",
        process.process_id,
        process.state,
        process.executor_type,
        process.function,
        process.attempt,
        process.executor,
        process.reason,
    ))
}
