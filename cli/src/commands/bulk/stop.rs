//! `apiary bulk stop`.

use clap::Args;

use super::Which;
use crate::context::Context;

const EXAMPLES: &str = "\
Example:
  apiary bulk stop 0198c0de-0000-7000-8000-000000000001";

/// Stop a bulk action at its current position; `apiary bulk resume` continues it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    arguments.which.stop(false, context).await
}
