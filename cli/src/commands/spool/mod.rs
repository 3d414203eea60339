//! The webhook adapter's spool: events that the broker rejected.

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

/// Show, retry and delete events that the broker rejected and the webhook adapter set aside
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

/// A set-aside event as shown.
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
async fn open(context: &Context) -> anyhow::Result<SpoolFile> {
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

/// Builds the error for an unknown event, with a proposal: the nearest name, or the one with this ending, which is
/// Stripe's id of the event.
async fn unknown(spool: &SpoolFile, event: &str) -> Fault {
    // Without the list there is no proposal; that is the only loss.
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
