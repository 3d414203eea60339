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
use crate::output::{counted, note};
use crate::profile;

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  apiary bulk start redrive --state dead_letter --type finance --dry-run
  apiary bulk start redrive --state dead_letter --reason \"the bank is back\" --yes --wait
  apiary bulk start cancel --function report --since 2h --reason superseded --yes";

/// Do one thing to all processes that match and were submitted before now
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to do
    #[arg(value_enum, value_name = "ACTION")]
    action: Action,
    #[command(flatten)]
    filter: Filter,
    /// All of the colony, where no filter is given
    #[arg(long)]
    all: bool,
    /// Why; it is kept with each process that is cancelled or discarded
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Only say how many match
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Wait until it is through
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

/// What a dry run says.
#[derive(Serialize)]
struct Counted {
    dry_run: bool,
    action: String,
    matched: i64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Cancel what waits, is blocked or runs
    Cancel,
    /// Try dead letters and failed ones again
    Redrive,
    /// Give dead letters up
    Discard,
    /// Try blocked ones now
    Retry,
    /// Delete what does not run, with all that belongs to it; needs the colony's own key
    Delete,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if arguments.filter.is_empty() && !arguments.all {
        let fault = Fault::usage("no filter is given, and that would be everything in the colony");
        return Err(fault.hint("say which, for example --type finance; or --all").into());
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
            let counted = Counted { dry_run: true, action: counted.action, matched: counted.matched };
            return context.format.print(&counted, |counted| format!("{}, as of now", matching(counted.matched)));
        }
        confirm(arguments.action.as_str(), counted.matched)?;
    }
    request.dry_run = false;
    let mut bulk = client.start_bulk(request).await?;
    if arguments.wait {
        bulk = until_through(&client, bulk).await?;
    }
    context.format.print(&BulkView::from(bulk), BulkView::line)
}

/// How many match.
fn matching(matched: i64) -> String {
    counted(matched, "process matches", "processes match")
}

/// Asks at the terminal; without one, `--yes` is needed.
fn confirm(action: &str, matched: i64) -> anyhow::Result<()> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Fault::usage(format!("{}: say --yes to {action} them", matching(matched))).into());
    }
    note(&format!("{}. {action} them? Type `yes`:", matching(matched)));
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Fault::failure("nothing was done").into()),
    }
}

async fn until_through(client: &Client, mut bulk: v1::Bulk) -> anyhow::Result<v1::Bulk> {
    while bulk.state == "running" {
        // There is nothing to be told by: its progress is a row that is read.
        tokio::time::sleep(LOOK).await;
        bulk = client.get_bulk(&bulk.bulk_id).await?;
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
