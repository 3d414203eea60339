//! Bulk actions: one action on all matching processes.

mod list;
mod resume;
mod show;
mod start;
mod stop;

use apiary_executor_sdk::v1;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::arguments::uuid;
use crate::context::Context;
use crate::output::plain;
use crate::profile;

/// Cancel, redrive, discard, retry or delete all matching processes, in the background
#[derive(Subcommand)]
pub(crate) enum Command {
    Start(Box<start::Arguments>),
    Show(show::Arguments),
    List(list::Arguments),
    Stop(stop::Arguments),
    Resume(resume::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Start(arguments) => start::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Stop(arguments) => stop::run(&arguments, context).await,
            Self::Resume(arguments) => resume::run(&arguments, context).await,
        }
    }
}

/// A bulk action named on the command line.
#[derive(Args)]
struct Which {
    /// Id of the bulk action, as printed by `bulk start`
    #[arg(value_name = "ID", value_parser = uuid)]
    id: Uuid,
}

impl Which {
    /// Stops or resumes the action, and shows it.
    async fn stop(&self, go_on: bool, context: &Context) -> anyhow::Result<()> {
        let client = profile::client(&context.settings)?;
        let bulk = client.stop_bulk(&self.id.to_string(), go_on).await?;
        context.format.print(&BulkView::from(bulk), BulkView::line)
    }
}

/// A bulk action as shown.
#[derive(Serialize)]
struct BulkView {
    bulk_id: String,
    action: String,
    state: String,
    matched: i64,
    /// True if more may match: only the newest processes were counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_may_match: bool,
    changed: i64,
    skipped: i64,
    by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

impl From<v1::Bulk> for BulkView {
    fn from(bulk: v1::Bulk) -> Self {
        let moment = |ms: i64| (ms > 0).then(|| Timestamp::from_millisecond(ms).ok()).flatten();
        Self {
            bulk_id: bulk.bulk_id,
            action: bulk.action,
            state: bulk.state,
            matched: bulk.matched,
            more_may_match: bulk.more_may_match,
            changed: bulk.changed,
            skipped: bulk.skipped,
            by: bulk.by,
            reason: bulk.reason,
            started_at: moment(bulk.started_at_ms),
            ended_at: moment(bulk.ended_at_ms),
        }
    }
}

impl BulkView {
    /// Formats the action in one line.
    fn line(&self) -> String {
        plain(&format!(
            "{} {} {}: {} of {} changed, {} skipped",
            self.bulk_id,
            self.action,
            self.state,
            self.changed,
            self.matched(),
            self.skipped
        ))
    }

    /// Formats the number of processes that matched.
    fn matched(&self) -> String {
        if self.more_may_match { format!("{} or more", self.matched) } else { self.matched.to_string() }
    }
}
