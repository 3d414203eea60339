//! `apiary bulk stop`.

use clap::Args;
use uuid::Uuid;

use super::BulkView;
use crate::arguments::uuid;
use crate::context::Context;
use crate::profile;

const EXAMPLES: &str = "\
Example:
  apiary bulk stop 0198c0de-0000-7000-8000-000000000001";

/// Stop a bulk action where it is; `apiary bulk resume` lets it go on
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The bulk action, as `bulk start` named it
    #[arg(value_name = "ID", value_parser = uuid)]
    id: Uuid,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let bulk = BulkView::from(client.stop_bulk(&arguments.id.to_string(), false).await?);
    context.format.print(&bulk, BulkView::line)
}
