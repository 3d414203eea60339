//! `apiary events watch`.

use std::time::Duration;

use apiary_executor_sdk::v1;
use clap::Args;

use super::{EventView, Filter};
use crate::arguments::whole;
use crate::context::Context;
use crate::output::{note, plain};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary events watch
  apiary events watch --kind refused
  apiary events watch --after 4711 -o json | jq --unbuffered -r .kind";

/// The longest wait of one call, in milliseconds.
const WAIT_MS: i64 = 30_000;
/// The shortest pause before a call is made again that the broker could not answer.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Show events as they come, until it is stopped; a restart of the broker leaves out none
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Begin after this position, such as the last one seen, instead of now; 0 for the beginning
    #[arg(long, value_name = "POSITION", value_parser = whole::<i64>(0, i64::MAX))]
    after: Option<i64>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let mut request = arguments.filter.request(&client);
    request.after = match arguments.after {
        Some(after) => after,
        None => client.list_events(v1::ListEventsRequest { last: 1, ..Default::default() }).await?.next,
    };
    request.wait_ms = WAIT_MS;
    let mut is_away = false;
    loop {
        match client.list_events(request.clone()).await {
            Ok(page) => {
                for event in page.events {
                    context.format.print(&EventView::from(event), line)?;
                }
                request.after = page.next;
                is_away = false;
            }
            Err(error) if error.is_retryable() => {
                if !std::mem::replace(&mut is_away, true) {
                    note(&format!("{error}; asking again after position {}", request.after));
                }
                tokio::time::sleep(error.retry_after().max(PAUSE_MIN)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn line(event: &EventView) -> String {
    let parts = [
        event.position.to_string(),
        event.time(),
        event.kind(),
        format!("by {}", event.who()),
        if event.address.is_empty() { String::new() } else { format!("from {}", event.address) },
        event.method.clone(),
        event.what(),
        event.detail.clone(),
    ];
    plain(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}
