//! `apiary spool list`.

use apiary_adapters::SetAsideFilter;
use clap::Args;

use super::{EventView, open};
use crate::context::Context;
use crate::output::table;

const EXAMPLES: &str = "\
Examples:
  apiary spool list
  apiary spool list --reason ARGS_REFUSED -o json | jq -r '.[].event'";

/// List the events that the broker rejected, oldest first, up to a thousand
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only events rejected for this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only events whose name contains this text
    #[arg(long, value_name = "TEXT")]
    event: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let filter = SetAsideFilter { reason: arguments.reason.clone(), key_part: arguments.event.clone() };
    let events: Vec<EventView> = spool.list(&filter).await?.into_iter().map(EventView::from).collect();
    spool.close().await;
    context.format.print(&events, |events| text(events))
}

fn text(events: &[EventView]) -> String {
    if events.is_empty() {
        return "no such event is set aside".to_owned();
    }
    let rows = events.iter().map(|one| {
        let refused_at = one.refused_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        vec![one.event.clone(), one.reason.clone(), refused_at, one.message.clone()]
    });
    table(&["event", "reason", "refused", "why"], rows)
}
