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
    let (processes, may_be_more) = gather(limit, async |page_size, page_token| {
        let request = v1::ListProcessesRequest { filter: Some(arguments.filter.to_proto()), page_size, page_token };
        client.list_processes(request).await
    })
    .await?;
    let processes: Vec<ProcessView> = processes.into_iter().map(ProcessView::from).collect();
    context.format.print(&processes, |processes| text(processes))?;
    if may_be_more && context.format == Format::Text {
        note(&format!("there may be more than {}: --limit N or --all shows them", processes.len()));
    }
    Ok(())
}

/// Asks for pages until there are as many processes as wanted, or the list ends; a page may be empty, and the list go on. Returns also
/// whether it may go on.
async fn gather<E>(
    limit: usize,
    ask: impl AsyncFn(i32, String) -> Result<v1::ListProcessesResponse, E>,
) -> Result<(Vec<v1::Process>, bool), E> {
    let mut processes = Vec::new();
    let mut page_token = String::new();
    loop {
        let left = limit - processes.len();
        let page = ask(i32::try_from(left).unwrap_or(PAGE).min(PAGE), page_token).await?;
        processes.extend(page.processes.into_iter().take(left));
        page_token = page.next_page_token;
        if page_token.is_empty() || processes.len() >= limit {
            return Ok((processes, !page_token.is_empty()));
        }
    }
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Answers as a broker whose pages hold so many processes of those asked for, the last of them at the end of the list.
    async fn page(counts: &[usize], token: &str) -> Result<v1::ListProcessesResponse, Infallible> {
        let number: usize = token.parse().unwrap_or(0);
        let is_last = number + 1 == counts.len();
        let next_page_token = if is_last { String::new() } else { (number + 1).to_string() };
        Ok(v1::ListProcessesResponse { processes: vec![v1::Process::default(); counts[number]], next_page_token })
    }

    #[tokio::test]
    async fn a_page_without_processes_does_not_end_the_list() {
        for (counts, limit, found, may_be_more) in [
            (&[0, 0, 2][..], 50, 2, false),
            (&[2, 0, 0, 3][..], usize::MAX, 5, false),
            (&[0, 1, 1, 0][..], 2, 2, true),
            (&[0][..], 50, 0, false),
        ] {
            let Ok((processes, more)) = gather(limit, async |_, token| page(counts, &token).await).await;
            assert_eq!((processes.len(), more), (found, may_be_more), "{counts:?}");
        }
    }
}
