//! The webhook adapter's spool: events that the broker refused.

mod delete;
mod list;
mod retry;
mod show;

use anyhow::Context as _;
use apiary_adapters::{SetAside, SetAsideFilter, SpoolError, SpoolFile};
use apiary_protocol::near::nearest;
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;
use crate::up;

/// Look after events that the broker refused and the webhook adapter set aside
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

/// An event that was set aside, as it is shown.
#[derive(Serialize)]
struct EventView {
    event: String,
    reason: String,
    message: String,
    received_at: Option<Timestamp>,
    refused_at: Option<Timestamp>,
}

impl From<SetAside> for EventView {
    fn from(event: SetAside) -> Self {
        Self {
            event: event.idempotency_key,
            reason: event.reason,
            message: event.message,
            received_at: Timestamp::from_millisecond(event.received_ms).ok(),
            refused_at: Timestamp::from_millisecond(event.refused_ms).ok(),
        }
    }
}

/// The events that were named, and what was done with them.
#[derive(Serialize)]
struct Done {
    events: Vec<String>,
}

impl Done {
    /// Tells what was done; then, as an error, of which event there was none.
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

/// Opens the spool of the settings.
async fn open(context: &Context) -> anyhow::Result<SpoolFile> {
    let folder = up::spool(&context.settings);
    match SpoolFile::open(&folder).await {
        Err(error @ SpoolError::NoSpool(_)) => {
            let hint = "say where it is: `--set webhook.spool=DIR` names the adapter's, `--data DIR` the data folder with that of a local colony";
            Err(Fault::new(Exit::NotFound, error.to_string()).hint(hint).into())
        }
        opened => opened.context("the spool"),
    }
}

/// Says that no event of this name is set aside, and which one may be meant: the nearest name, or the one that ends so, as
/// Stripe's own name of an event does.
async fn unknown(spool: &SpoolFile, event: &str) -> Fault {
    // Without it there is no proposal, and nothing else is lost.
    let events = spool.list(&SetAsideFilter::default()).await.unwrap_or_default();
    let mut names = events.iter().map(|one| one.idempotency_key.as_str());
    let ending = format!("::{event}");
    let meant = names.clone().find(|name| name.ends_with(&ending)).or_else(|| nearest(event, names.by_ref()));
    let hint = match meant {
        Some(name) => format!("is `{name}` meant? `apiary spool list` shows all"),
        None if events.is_empty() => "no event is set aside at all".to_owned(),
        None => "`apiary spool list` shows those that are".to_owned(),
    };
    Fault::new(Exit::NotFound, format!("no event `{event}` is set aside")).hint(hint)
}
