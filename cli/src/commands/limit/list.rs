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

/// Show the limits, and for each the keys with the highest use
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
        let head = [limit.what(), limit.words()];
        match limit.uses.as_slice() {
            // A pattern without `*` names a single key, so there is only one use.
            [one] if !limit.pattern.contains('*') => vec![row(head, one)],
            uses => {
                let first = head.into_iter().chain(std::iter::repeat_n(String::new(), 4)).collect();
                std::iter::once(first).chain(uses.iter().map(|one| row([String::new(), String::new()], one))).collect()
            }
        }
    });
    table(&["what", "limit", "key", "running", "waiting", "next start"], rows)
}

/// Builds a line of the table: one key's use of a limit.
fn row(head: [String; 2], one: &UseView) -> Vec<String> {
    let next_start = one.next_start.map(|at| format!("{at:.0}")).unwrap_or_default();
    let (running, waiting) = (one.running.to_string(), one.waiting.to_string());
    let [what, limit] = head;
    vec![what, limit, one.key.clone(), running, waiting, next_start]
}
