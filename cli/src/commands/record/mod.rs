//! The state of record.

pub(crate) mod diff;
mod events;
mod object;
pub(crate) mod show;

pub(crate) use events::{RecordedEvent, events};
pub(crate) use show::open;

use clap::Subcommand;

use crate::context::Context;

/// Show the state of record, the finance bee's data, and compare it with Stripe
#[derive(Subcommand)]
pub(crate) enum Command {
    Show(show::Arguments),
    Diff(diff::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::Diff(arguments) => diff::run(&arguments, context).await,
        }
    }
}
