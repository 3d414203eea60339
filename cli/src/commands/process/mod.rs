//! Processes.

mod archived;
mod cancel;
mod chain;
#[cfg(test)]
mod chain_tests;
mod delete;
mod discard;
mod explain;
mod export;
mod follow;
mod list;
mod logs;
mod redrive;
mod requires;
mod retry;
pub(crate) mod select;
mod show;
mod submit;
pub(crate) mod verify;
pub(crate) mod view;
mod watch;

use clap::Subcommand;

use crate::context::Context;

/// Submit work, follow it, verify its signatures
#[derive(Subcommand)]
pub(crate) enum Command {
    Submit(Box<submit::Arguments>),
    #[command(visible_alias = "get")]
    Show(show::Arguments),
    List(list::Arguments),
    Watch(watch::Arguments),
    Explain(explain::Arguments),
    Logs(logs::Arguments),
    Verify(verify::Arguments),
    Export(export::Arguments),
    Cancel(cancel::Arguments),
    Redrive(redrive::Arguments),
    Discard(discard::Arguments),
    Retry(retry::Arguments),
    Delete(delete::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Submit(arguments) => submit::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Watch(arguments) => watch::run(&arguments, context).await,
            Self::Explain(arguments) => explain::run(&arguments, context).await,
            Self::Logs(arguments) => logs::run(&arguments, context).await,
            Self::Verify(arguments) => verify::run(&arguments, context).await,
            Self::Export(arguments) => export::run(&arguments, context).await,
            Self::Cancel(arguments) => cancel::run(&arguments, context).await,
            Self::Redrive(arguments) => redrive::run(&arguments, context).await,
            Self::Discard(arguments) => discard::run(&arguments, context).await,
            Self::Retry(arguments) => retry::run(&arguments, context).await,
            Self::Delete(arguments) => delete::run(&arguments, context).await,
        }
    }
}
