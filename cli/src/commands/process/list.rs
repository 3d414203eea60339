//! `apiary process list`.

use apiary_executor_sdk::v1;
use clap::Args;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::select::Filter;
use super::view::ProcessView;
use crate::arguments::{OPEN, whole};
use crate::context::Context;
use crate::output::{Format, note, table};
use crate::profile;

/// Processes in one answer of the broker.
const PAGE: i32 = 1000;

const EXAMPLES: &str = "\
Examples:
  apiary process list
  apiary process list --state dead_letter --type finance --all
  apiary process list --label source=replay -o json | jq -r '.[].process_id'";

/// List processes, newest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Largest number of processes
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = whole::<u32>(1, OPEN))]
    limit: u32,
    /// All processes
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let limit = if arguments.all { usize::MAX } else { usize::try_from(arguments.limit).unwrap_or(usize::MAX) };
    let mut processes: Vec<ProcessView> = Vec::new();
    let mut page_token = String::new();
    loop {
        let left = limit - processes.len();
        let page_size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let request = v1::ListProcessesRequest { filter: Some(arguments.filter.to_proto()), page_size, page_token };
        let page = client.list_processes(request).await?;
        processes.extend(page.processes.into_iter().take(left).map(ProcessView::from));
        page_token = page.next_page_token;
        if page_token.is_empty() || processes.len() >= limit {
            break;
        }
    }
    context.format.print(&processes, |processes| text(processes))?;
    if !page_token.is_empty() && context.format == Format::Text {
        note(&format!("there are more than {}: --limit N or --all shows them", processes.len()));
    }
    Ok(())
}

fn text(processes: &[ProcessView]) -> String {
    let cells = processes.iter().map(|process| {
        vec![
            process.process_id.clone(),
            process.state.clone(),
            process.executor_type.clone(),
            process.function.clone(),
            process.attempt.to_string(),
            second(process.submitted_at),
            process.submitter.clone(),
            process.executor.clone(),
            clipped(&process.reason),
        ]
    });
    table(&["process", "state", "type", "function", "attempt", "submitted", "by", "executor", "reason"], cells)
}

fn second(at: Option<Timestamp>) -> String {
    let round = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    at.and_then(|at| at.round(round).ok()).map(|at| at.to_string()).unwrap_or_default()
}

fn clipped(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
