//! `apiary bulk resume`.

use clap::Args;

use super::Which;
use crate::context::Context;

const EXAMPLES: &str = "\
Example:
  apiary bulk resume 0198c0de-0000-7000-8000-000000000001";

/// Resume a stopped bulk action
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    arguments.which.stop(true, context).await
}
