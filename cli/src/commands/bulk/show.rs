//! `apiary bulk show`.

use clap::Args;

use super::{BulkView, Which};
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Example:
  apiary bulk show 0198c0de-0000-7000-8000-000000000001";

/// Show a bulk action's progress
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let bulk = BulkView::from(client.get_bulk(&arguments.which.id.to_string()).await?);
    context.format.print(&bulk, BulkView::line)
}
