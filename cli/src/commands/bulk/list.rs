//! `apiary bulk list`.

use clap::Args;

use super::BulkView;
use crate::context::Context;
use crate::output::table;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary bulk list
  apiary bulk list -o json | jq -r '.[] | select(.state == \"running\") | .bulk_id'";

/// List the last hundred bulk actions, newest first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let bulks: Vec<BulkView> = client.list_bulks().await?.bulks.into_iter().map(BulkView::from).collect();
    context.format.print(&bulks, |bulks| text(bulks))
}

fn text(bulks: &[BulkView]) -> String {
    if bulks.is_empty() {
        return "no bulk action was started".to_owned();
    }
    let row = |bulk: &BulkView| {
        let since = bulk.started_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let numbers = [bulk.matched(), bulk.changed.to_string(), bulk.skipped.to_string()];
        let words = [&bulk.bulk_id, &bulk.action, &bulk.state].map(Clone::clone);
        words.into_iter().chain(numbers).chain([since, bulk.by.clone(), bulk.reason.clone()]).collect()
    };
    let heads = ["bulk action", "action", "state", "matched", "changed", "skipped", "started", "by", "reason"];
    table(&heads, bulks.iter().map(row))
}
