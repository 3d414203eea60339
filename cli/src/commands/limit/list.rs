//! `apiary limit list`.

use clap::Args;

use super::{LimitView, UseView};
use crate::context::Context;
use crate::output::table;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary limit list
  apiary limit list -o json | jq '.[] | select(.kind == \"rate_key\").uses'";

/// Show the limits, and the keys that use most of each
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let limits: Vec<LimitView> = client.list_limits().await?.into_iter().map(LimitView::from).collect();
    context.format.print(&limits, |limits| text(limits))
}

fn text(limits: &[LimitView]) -> String {
    if limits.is_empty() {
        return "nothing is limited; work with a concurrency key runs one at a time".to_owned();
    }
    let rows = limits.iter().flat_map(|limit| {
        let first = vec![limit.what(), limit.words(), String::new(), String::new(), String::new(), String::new()];
        std::iter::once(first).chain(limit.uses.iter().map(row))
    });
    table(&["what", "limit", "key", "running", "waiting", "next start"], rows)
}

fn row(one: &UseView) -> Vec<String> {
    let next_start = one.next_start.map(|at| format!("{at:.0}")).unwrap_or_default();
    let (running, waiting) = (one.running.to_string(), one.waiting.to_string());
    vec![String::new(), String::new(), one.key.clone(), running, waiting, next_start]
}
