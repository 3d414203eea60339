//! `apiary pause list`.

use clap::Args;

use super::{PauseView, words};
use crate::context::Context;
use crate::output::table;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary pause list
  apiary pause list -o json | jq -r '.[].reason'";

/// Show the pauses: their start, author and reason
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let pauses: Vec<PauseView> = client.list_pauses().await?.pauses.into_iter().map(PauseView::from).collect();
    context.format.print(&pauses, |pauses| text(pauses))
}

fn text(pauses: &[PauseView]) -> String {
    if pauses.is_empty() {
        return "nothing is paused".to_owned();
    }
    let row = |pause: &PauseView| {
        vec![words(&pause.kind, &pause.name), pause.since(), pause.by.clone(), pause.reason.clone()]
    };
    table(&["paused", "since", "by", "reason"], pauses.iter().map(row))
}
