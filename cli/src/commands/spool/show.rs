//! `apiary spool show`.

use apiary_adapters::{SpoolEntry, SpoolFile, SpoolFilter, SpoolState};
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EventView, open};
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;

const EXAMPLES: &str = "\
Examples:
  apiary spool show evt_1
  apiary spool show stripe:live::evt_1 --payload -o json | jq .spec";

/// Text in place of a damaged spec.
const UNREADABLE: &str = "damaged: not valid JSON; have the sender repeat the event, and delete this one";

/// Show one event of the spool: since when it is there, and why
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the event, as shown by `apiary spool list`, or the sender's id of it
    #[arg(value_name = "EVENT")]
    event: String,
    /// Also the spec with the event's contents, which may hold names and addresses
    #[arg(long)]
    payload: bool,
}

#[derive(Serialize)]
struct ShowOutput {
    #[serde(flatten)]
    event: EventView,
    /// Absent unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Option<Box<RawValue>>>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let entry = find(&spool, &arguments.event).await?;
    let spec = match arguments.payload {
        true => {
            let Some(spec) = spool.spec(&entry).await? else {
                let words = format!("`{}` has just left this place in the spool", entry.idempotency_key);
                return Err(Fault::new(Exit::NotFound, words).hint("repeat the command").into());
            };
            Some(String::from_utf8(spec).ok().and_then(|spec| RawValue::from_string(spec).ok()))
        }
        false => None,
    };
    spool.close().await;
    context.format.print(&ShowOutput { event: entry.into(), spec }, text)
}

/// Finds an event by its name, or by the sender's id if that names one event.
async fn find(spool: &SpoolFile, event: &str) -> anyhow::Result<SpoolEntry> {
    let mut found = spool.entries(&SpoolFilter { id: Some(event.to_owned()), ..SpoolFilter::default() }).await?;
    // The same event may wait in the line, and be set aside from before: the line comes first.
    found.sort_by_key(|one| one.state == SpoolState::SetAside);
    if let Some(entry) = found.iter().find(|one| one.idempotency_key == event) {
        return Ok(entry.clone());
    }
    let mut same_id: Vec<SpoolEntry> =
        found.into_iter().filter(|one| one.name().is_some_and(|name| name.id == event)).collect();
    same_id.sort_by(|one, other| one.idempotency_key.cmp(&other.idempotency_key));
    same_id.dedup_by(|one, other| one.idempotency_key == other.idempotency_key);
    match same_id.len() {
        0 => Err(super::not_there(spool, event).await.into()),
        1 => Ok(same_id.remove(0)),
        _ => {
            let names = same_id.iter().map(|one| format!("`{}`", one.idempotency_key)).collect::<Vec<_>>().join(", ");
            Err(Fault::new(Exit::Usage, format!("several events have the id `{event}`"))
                .hint(format!("name one: {names}"))
                .into())
        }
    }
}

fn text(shown: &ShowOutput) -> String {
    let one = &shown.event;
    let at = |at: Option<jiff::Timestamp>| at.map(|at| format!("{at:.0}")).unwrap_or_default();
    let spec = match &shown.spec {
        None => "hidden: --payload shows it",
        Some(None) => UNREADABLE,
        Some(Some(spec)) => spec.get(),
    };
    let (received, refused) = (at(one.received_at), at(one.refused_at));
    let lines = [
        ("event", one.event.as_str()),
        ("type", one.kind.as_deref().unwrap_or("-")),
        ("state", one.state),
        ("received", &received),
        ("refused", &refused),
        ("reason", &one.reason),
        ("why", &one.message),
        ("spec", spec),
    ];
    let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    lines.map(|(name, value)| format!("{name:<10}{}", plain(value))).collect::<Vec<_>>().join("\n")
}
