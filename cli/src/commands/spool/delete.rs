//! `apiary spool delete`.

use clap::Args;

use super::{Done, open};
use crate::context::Context;

const EXAMPLES: &str = "\
Examples:
  apiary spool show stripe:live::evt_1 --payload -o json > evt_1.json && apiary spool delete stripe:live::evt_1";

/// Delete events for good: no other copy exists, unless the sender repeats them
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Names of the events, as shown by `apiary spool list`
    #[arg(value_name = "EVENT", required = true)]
    events: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let (mut events, mut missing) = (Vec::new(), None);
    for event in &arguments.events {
        match spool.delete(event).await? {
            true => events.push(event.clone()),
            false => missing = missing.or(Some(event)),
        }
    }
    Done { events }.print(context, "deleted", spool, missing).await
}
