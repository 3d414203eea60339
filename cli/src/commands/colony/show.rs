//! `apiary colony show`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Example:
  apiary colony show";

/// Show your colony, and how many processes are in each state
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct ShowOutput {
    colony_id: String,
    name: String,
    created_at: Option<Timestamp>,
    processes: BTreeMap<String, i64>,
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let answer = profile::client(&context.settings)?.get_colony().await?;
    let colony = answer.colony.unwrap_or_default();
    let shown = ShowOutput {
        colony_id: colony.colony_id,
        name: colony.name,
        created_at: Timestamp::from_millisecond(colony.created_at_ms).ok(),
        processes: answer.state_counts.into_iter().map(|count| (count.state, count.count)).collect(),
    };
    context.format.print(&shown, text)
}

fn text(shown: &ShowOutput) -> String {
    let mut text = format!("{} ({})\n", plain(&shown.name), plain(&shown.colony_id));
    if let Some(created_at) = shown.created_at {
        let _ = writeln!(text, "created {created_at}");
    }
    if shown.processes.is_empty() {
        text.push_str("no processes\n");
    }
    for (state, count) in &shown.processes {
        let _ = writeln!(text, "{count:>9} {}", plain(state));
    }
    text
}
