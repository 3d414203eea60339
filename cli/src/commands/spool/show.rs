//! `apiary spool show`.

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EventView, open, unknown};
use crate::context::Context;
use crate::output::plain;

const EXAMPLES: &str = "\
Examples:
  apiary spool show stripe:live::evt_1
  apiary spool show stripe:live::evt_1 -o json | jq .spec";

/// Text in place of a damaged spec.
const UNREADABLE: &str = "damaged: not valid JSON; have the sender repeat the event, and delete this one";

/// Show one event that the broker rejected, with its spec
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the event, as shown by `apiary spool list`
    #[arg(value_name = "EVENT")]
    event: String,
}

#[derive(Serialize)]
struct ShowOutput {
    #[serde(flatten)]
    event: EventView,
    spec: Option<Box<RawValue>>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let Some((event, spec)) = spool.show(&arguments.event).await? else {
        return Err(unknown(&spool, &arguments.event).await.into());
    };
    spool.close().await;
    let spec = String::from_utf8(spec).ok().and_then(|spec| RawValue::from_string(spec).ok());
    context.format.print(&ShowOutput { event: event.into(), spec }, |shown| {
        let one = &shown.event;
        let at = |at: Option<jiff::Timestamp>| at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let lines = [
            ("event", one.event.as_str()),
            ("received", &at(one.received_at)),
            ("refused", &at(one.refused_at)),
            ("reason", &one.reason),
            ("why", &one.message),
            ("spec", shown.spec.as_ref().map_or(UNREADABLE, |spec| spec.get())),
        ];
        lines.map(|(name, value)| format!("{name:<10}{}", plain(value))).join("\n")
    })
}
