//! Leases: executors written as shell scripts.

mod args;
mod claim;
mod complete;
mod content;
mod ending;
mod fail;
mod file;
mod log;
mod release;
mod renew;
mod report;
mod set;

use clap::Subcommand;

use crate::context::Context;
use crate::settings::Flags;

/// Be an executor in a shell script: claim work, report progress, end it with a signed result
#[derive(Subcommand)]
pub(crate) enum Command {
    Claim(Box<claim::Arguments>),
    Args(args::Arguments),
    Renew(renew::Arguments),
    Report(report::Arguments),
    Log(log::Arguments),
    Set(set::Arguments),
    Complete(complete::Arguments),
    Fail(fail::Arguments),
    Release(release::Arguments),
}

impl Command {
    pub(crate) fn flags(&self, flags: &mut Flags) {
        if let Self::Claim(arguments) = self {
            arguments.flags(flags);
        }
    }

    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Claim(arguments) => claim::run(&arguments, context).await,
            Self::Args(arguments) => args::run(&arguments, context),
            Self::Renew(arguments) => renew::run(&arguments, context).await,
            Self::Report(arguments) => report::run(&arguments, context).await,
            Self::Log(arguments) => log::run(&arguments, context).await,
            Self::Set(arguments) => set::run(&arguments, context).await,
            Self::Complete(arguments) => complete::run(&arguments, context).await,
            Self::Fail(arguments) => fail::run(&arguments, context).await,
            Self::Release(arguments) => release::run(&arguments, context).await,
        }
    }
}
