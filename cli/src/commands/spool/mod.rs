//! The webhook adapter's spool: events that wait for the broker, and those that it rejected.

mod delete;
mod list;
mod retry;
mod show;

use anyhow::Context as _;
use apiary_adapters::{SpoolEntry, SpoolError, SpoolFile, SpoolFilter, SpoolState};
use apiary_protocol::near::nearest;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;
use crate::up;

/// Show the events that the webhook adapter keeps for the broker; retry and delete those that the broker rejected
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Retry(retry::Arguments),
    Delete(delete::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::Retry(arguments) => retry::run(&arguments, context).await,
            Self::Delete(arguments) => delete::run(&arguments, context).await,
        }
    }
}

/// An event of the spool as shown.
#[derive(Serialize)]
pub(crate) struct EventView {
    pub(crate) event: String,
    pub(crate) state: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) received_at: Option<Timestamp>,
    bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

impl From<SpoolEntry> for EventView {
    fn from(event: SpoolEntry) -> Self {
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        Self {
            event: event.idempotency_key,
            state: event.state.as_str(),
            kind: event.kind,
            received_at: at(event.received_ms),
            bytes: event.bytes,
            refused_at: event.refused_ms.and_then(at),
            reason: event.reason,
            message: event.message,
        }
    }
}

/// The named events, and their treatment.
#[derive(Serialize)]
struct Done {
    events: Vec<String>,
}

impl Done {
    /// Prints the treated events; then an error for each event that does not exist.
    async fn print(
        self,
        context: &Context,
        what: &str,
        spool: SpoolFile,
        missing: Option<&String>,
    ) -> anyhow::Result<()> {
        let fault = match missing {
            Some(event) => Some(unknown(&spool, event).await),
            None => None,
        };
        spool.close().await;
        if fault.is_none() || !self.events.is_empty() {
            context.format.print(&self, |done| match done.events.as_slice() {
                [] => "nothing is set aside".to_owned(),
                events => events.iter().map(|event| plain(&format!("{what} {event}"))).collect::<Vec<_>>().join("\n"),
            })?;
        }
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// Opens the configured spool.
pub(crate) async fn open(context: &Context) -> anyhow::Result<SpoolFile> {
    let folder = up::spool(&context.settings);
    match SpoolFile::open(&folder).await {
        Err(error @ SpoolError::NoSpool(_)) => {
            let hint = "name it: `--set webhook.spool=DIR` is the adapter's, `--data DIR` the data folder of a local \
                        colony";
            Err(Fault::new(Exit::NotFound, error.to_string()).hint(hint).into())
        }
        opened => opened.context("the spool"),
    }
}

/// Builds the error for an event that is not set aside, with a proposal: the nearest name, or the one with this ending,
/// which is Stripe's id of the event.
async fn unknown(spool: &SpoolFile, event: &str) -> Fault {
    let words = format!("no event `{event}` is set aside");
    let of = SpoolFilter { id: Some(event.to_owned()), ..SpoolFilter::default() };
    // Without a list there is no proposal; that is the only loss.
    let found = spool.entries(&of).await.unwrap_or_default();
    if !found.is_empty() && found.iter().all(|one| one.state == SpoolState::Waiting) {
        return Fault::new(Exit::NotFound, words).hint("it waits in the line, and is forwarded by itself");
    }
    let events = spool.entries(&set_aside()).await.unwrap_or_default();
    Fault::new(Exit::NotFound, words).hint(match meant(event, &events) {
        Some(name) => format!("is `{name}` meant? `apiary spool list` shows all"),
        None if events.is_empty() => "no event is set aside at all".to_owned(),
        None => "`apiary spool list` shows those that are".to_owned(),
    })
}

/// Builds the error for an event that is not in the spool, with a proposal.
async fn not_there(spool: &SpoolFile, event: &str) -> Fault {
    let events = spool.entries(&SpoolFilter::default()).await.unwrap_or_default();
    let hint = match meant(event, &events) {
        Some(name) => format!("is `{name}` meant? `apiary spool list` shows all"),
        None => format!("`apiary webhook where {event}` looks for it in the broker and the state of record as well"),
    };
    Fault::new(Exit::NotFound, format!("no event `{event}` is in the spool")).hint(hint)
}

/// Returns the name that was meant: the one with this ending, or else the nearest.
fn meant<'e>(event: &str, events: &'e [SpoolEntry]) -> Option<&'e str> {
    let mut names = events.iter().map(|one| one.idempotency_key.as_str());
    let ending = format!("::{event}");
    names.clone().find(|name| name.ends_with(&ending)).or_else(|| nearest(event, names.by_ref()))
}

/// Selects the events that the broker rejected.
fn set_aside() -> SpoolFilter {
    SpoolFilter { state: Some(SpoolState::SetAside), ..SpoolFilter::default() }
}
