//! `apiary spool list`.

use apiary_adapters::{SPOOL_LIST_MAX, SpoolFilter, SpoolState};
use clap::{Args, ValueEnum};

use super::{EventView, open};
use crate::arguments::Past;
use crate::context::Context;
use crate::output::{note, table};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary spool list
  apiary spool list --state waiting --until 10m
  apiary spool list --type invoice.paid
  apiary spool list --reason ARGS_REFUSED -o json | jq -r '.[].event'";

/// List the events that the webhook adapter keeps, oldest first, up to a thousand: those that wait for the broker, and
/// those that it rejected
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only events in this state
    #[arg(long, value_enum)]
    state: Option<StateWord>,
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only events whose name contains this text, such as the sender's id
    #[arg(long, value_name = "TEXT")]
    event: Option<String>,
    /// Only events rejected for this reason
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only events that came since: a time, or a time back from now such as 90s, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    since: Option<Past>,
    /// Only events that came before: a time, or a time back from now
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    until: Option<Past>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StateWord {
    /// In the line for the broker
    Waiting,
    /// Rejected by the broker, and tried again from time to time
    SetAside,
}

impl Arguments {
    fn filter(&self) -> SpoolFilter {
        let at = |past: Option<Past>| past.map(|past| past.at(profile::clock().now()).as_millisecond());
        SpoolFilter {
            state: self.state.map(|state| match state {
                StateWord::Waiting => SpoolState::Waiting,
                StateWord::SetAside => SpoolState::SetAside,
            }),
            reason: self.reason.clone(),
            id: None,
            key_part: self.event.clone(),
            kind: self.kind.clone(),
            received_from_ms: at(self.since),
            received_until_ms: at(self.until),
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let events: Vec<EventView> = spool.entries(&arguments.filter()).await?.into_iter().map(EventView::from).collect();
    spool.close().await;
    context.format.print(&events, |events| text(events))?;
    if events.len() >= usize::try_from(SPOOL_LIST_MAX)? {
        note("there may be more: --since TIME goes on from the last one's arrival, the other filters choose fewer");
    }
    Ok(())
}

fn text(events: &[EventView]) -> String {
    if events.is_empty() {
        return "no such event is in the spool".to_owned();
    }
    let rows = events.iter().map(|one| {
        let received_at = one.received_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let kind = one.kind.clone().unwrap_or_else(|| "-".to_owned());
        vec![one.event.clone(), kind, one.state.to_owned(), received_at, one.reason.clone(), one.message.clone()]
    });
    table(&["event", "type", "state", "received", "reason", "why"], rows)
}
