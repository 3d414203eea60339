//! `apiary spool retry`.

use clap::Args;

use super::{Done, open, set_aside};
use crate::context::Context;
use crate::output::Progress;

const EXAMPLES: &str = "\
Examples:
  apiary spool retry stripe:live::evt_1
  apiary spool retry --all";

/// Return events to the line: a running adapter submits them again within seconds
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Names of the events, as shown by `apiary spool list`
    #[arg(value_name = "EVENT", required_unless_present = "all")]
    events: Vec<String>,
    /// Every set-aside event, up to a thousand at a time
    #[arg(long, conflicts_with = "events")]
    all: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let spool = open(context).await?;
    let mut named = arguments.events.clone();
    if arguments.all {
        named = spool.entries(&set_aside()).await?.into_iter().map(|one| one.idempotency_key).collect();
    }
    let (mut events, mut missing) = (Vec::new(), None);
    let progress = Progress::start("returning events to the line", context.format);
    for (done, event) in named.iter().enumerate() {
        progress.set(done as u64, Some(named.len() as u64));
        match spool.retry(event).await? {
            true => events.push(event.clone()),
            // The adapter has retried it already.
            false if arguments.all => {}
            false => missing = missing.or(Some(event)),
        }
    }
    drop(progress);
    Done { events }.print(context, "returned to the line:", spool, missing).await
}
