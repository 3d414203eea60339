//! `apiary bulk start`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use clap::{Args, ValueEnum};
use serde::Serialize;
use uuid::Uuid;

use super::BulkView;
use crate::commands::process::select::Filter;
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{Progress, counted, note};
use crate::profile;

/// Interval of the requests of `--wait`.
const LOOK: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  apiary bulk start redrive --state dead_letter --type finance --dry-run
  apiary bulk start redrive --state dead_letter --reason \"the bank is back\" --yes --wait
  apiary bulk start cancel --function report --since 2h --reason superseded --yes";

/// Apply an action to all matching processes that were submitted before now
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The action
    #[arg(value_enum, value_name = "ACTION")]
    action: Action,
    #[command(flatten)]
    filter: Filter,
    /// Every process of the colony; needed if no filter is given
    #[arg(long)]
    all: bool,
    /// Reason, stored with each process that is cancelled or discarded
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Only print the number of matching processes
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Wait until the action is finished
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

/// Output of a dry run.
#[derive(Serialize)]
struct DryRunOutput {
    dry_run: bool,
    action: String,
    matched: i64,
    /// True if more may match: only the newest processes were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_may_match: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Cancel waiting, blocked and running processes
    Cancel,
    /// Retry dead letters and failed processes, with all their retries
    Redrive,
    /// Discard dead letters: they are failed from then on
    Discard,
    /// Retry blocked processes now
    Retry,
    /// Delete processes that are not running, with all their data; needs the colony's own key
    Delete,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if arguments.filter.is_empty() && !arguments.all {
        let fault = Fault::usage("no filter is given, which would select every process of the colony");
        return Err(fault.hint("give a filter, for example --type finance; or --all").into());
    }
    let client = profile::client(&context.settings)?;
    let mut request = v1::StartBulkRequest {
        bulk_id: Uuid::now_v7().to_string(),
        action: arguments.action.as_str().to_owned(),
        filter: Some(arguments.filter.to_proto()),
        reason: arguments.reason.clone(),
        dry_run: true,
    };
    if arguments.dry_run || !arguments.yes {
        let counted = client.start_bulk(request.clone()).await?;
        if arguments.dry_run {
            let counted = DryRunOutput {
                dry_run: true,
                action: counted.action,
                matched: counted.matched,
                more_may_match: counted.more_may_match,
            };
            let text =
                |counted: &DryRunOutput| format!("{}, as of now", matching(counted.matched, counted.more_may_match));
            return context.format.print(&counted, text);
        }
        confirm(arguments.action.as_str(), &matching(counted.matched, counted.more_may_match))?;
    }
    request.dry_run = false;
    let mut bulk = client.start_bulk(request).await?;
    if arguments.wait {
        bulk = until_through(&client, bulk, &Progress::start("changing processes", context.format)).await?;
    }
    context.format.print(&BulkView::from(bulk), BulkView::line)
}

/// Formats the number of matching processes.
fn matching(matched: i64, more_may_match: bool) -> String {
    let counted = counted(matched, "process matches", "processes match");
    match more_may_match {
        true => format!("of the newest processes {counted}, of older ones more may match"),
        false => counted,
    }
}

/// Asks for confirmation at the terminal; without a terminal, `--yes` is needed.
fn confirm(action: &str, matching: &str) -> anyhow::Result<()> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Fault::usage(format!("{matching}: say --yes to {action} them")).into());
    }
    note(&format!("{matching}. {action} them? Type `yes`:"));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Fault::failure("nothing was done").into()),
    }
}

async fn until_through(client: &Client, mut bulk: v1::Bulk, progress: &Progress) -> anyhow::Result<v1::Bulk> {
    while bulk.state == "running" {
        // Polls, because a bulk action has no notification: its progress is a database row.
        tokio::time::sleep(LOOK).await;
        bulk = client.get_bulk(&bulk.bulk_id).await?;
        let (done, all) = (bulk.changed.saturating_add(bulk.skipped), u64::try_from(bulk.matched).ok());
        progress.set(u64::try_from(done).unwrap_or(0), all.filter(|_| !bulk.more_may_match));
    }
    Ok(bulk)
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Retry => "retry",
            Self::Delete => "delete",
        }
    }
}
