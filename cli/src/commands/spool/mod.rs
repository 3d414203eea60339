//! The webhook adapter's spool: events that the broker refused.

mod delete;
mod list;
mod retry;
mod show;

use anyhow::Context as _;
use apiary_adapters::{SetAside, SpoolError, SpoolFile};
use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;
use crate::settings::table;

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
    fn print(self, context: &Context, what: &str) -> anyhow::Result<()> {
        context.format.print(&self, |done| match done.events.as_slice() {
            [] => "nothing is set aside".to_owned(),
            events => events.iter().map(|event| plain(&format!("{what} {event}"))).collect::<Vec<_>>().join("\n"),
        })
    }
}

/// Opens the spool of the settings.
async fn open(context: &Context) -> anyhow::Result<SpoolFile> {
    let folder = context.settings.path(&table::WEBHOOK_SPOOL).unwrap_or_default();
    match SpoolFile::open(&folder).await {
        Err(error @ SpoolError::NoSpool(_)) => {
            let hint = "say where it is: `--set webhook.spool=…`; that of `apiary up` is in its data folder";
            Err(Fault::new(Exit::NotFound, error.to_string()).hint(hint).into())
        }
        opened => opened.context("the spool"),
    }
}

fn unknown(event: &str) -> Fault {
    Fault::new(Exit::NotFound, format!("no event `{event}` is set aside"))
        .hint("`apiary spool list` shows those that are")
}
