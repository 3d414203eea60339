//! `apiary events list`.

use std::collections::VecDeque;

use apiary_executor_sdk::{Client, v1};
use clap::Args;

use super::{EventView, Filter};
use crate::arguments::whole;
use crate::context::Context;
use crate::output::table;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary events list
  apiary events list --kind refused --since 2h
  apiary events list --process 019ab2c4-5d6e-7f80-9123-456789abcdef
  apiary events list --after 0 -o json > events.json";

/// Events in one answer of the broker.
const PAGE: i32 = 1000;

/// Show the last events, oldest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Only the last N matching events, 1 to 1000
    #[arg(long, value_name = "N", value_parser = whole::<u16>(1, 1000), default_value = "50")]
    last: u16,
    /// All events after this position instead; 0 for the beginning
    #[arg(long, value_name = "POSITION", value_parser = whole::<i64>(0, i64::MAX), conflicts_with = "last")]
    after: Option<i64>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let request = arguments.filter.request(&client);
    let events: Vec<EventView> = match arguments.after {
        Some(after) => pages(&client, v1::ListEventsRequest { after, ..request }, usize::MAX).await?,
        None if arguments.filter.is_empty() => {
            let request = v1::ListEventsRequest { last: i32::from(arguments.last), ..request };
            client.list_events(request).await?.events.into_iter().map(EventView::from).collect()
        }
        // The broker searches a bounded number of events for each call: the whole stream takes several.
        None => pages(&client, request, usize::from(arguments.last)).await?,
    };
    context.format.print(&events, |events| text(events))
}

/// Reads the stream to its end, and returns the last `kept` events.
async fn pages(client: &Client, mut request: v1::ListEventsRequest, kept: usize) -> anyhow::Result<Vec<EventView>> {
    request.page_size = PAGE;
    let mut events = VecDeque::new();
    loop {
        let page = client.list_events(request.clone()).await?;
        events.extend(page.events.into_iter().map(EventView::from));
        while events.len() > kept {
            events.pop_front();
        }
        request.after = page.next;
        if !page.is_more {
            return Ok(events.into());
        }
    }
}

fn text(events: &[EventView]) -> String {
    if events.is_empty() {
        return "no events".to_owned();
    }
    let row = |event: &EventView| {
        vec![
            event.position.to_string(),
            event.time(),
            event.kind(),
            event.who(),
            event.address.clone(),
            event.method.clone(),
            event.what(),
            event.detail.clone(),
        ]
    };
    table(&["position", "time", "kind", "by", "from", "call", "about", "detail"], events.iter().map(row))
}
