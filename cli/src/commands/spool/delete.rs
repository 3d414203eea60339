//! `apiary spool delete`.

use clap::Args;

use super::{Done, open, unknown};
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  apiary spool show stripe:live::evt_1 -o json > evt_1.json && apiary spool delete stripe:live::evt_1";

/// Forget events for good: nobody else has them, unless their sender sends them again
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Their names, as `apiary spool list` shows them
    #[arg(value_name = "EVENT", required = true)]
    events: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    for event in &arguments.events {
        if !spool.delete(event).await? {
            return Err(unknown(event).into());
        }
    }
    spool.close().await;
    Done { events: arguments.events.clone() }.print(context, "deleted")
}
