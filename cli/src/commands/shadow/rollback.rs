//! `apiary shadow rollback`.

use apiary_bees::finance::shadow::{Rollback, RolledBack};
use clap::Args;

use super::{DRY, Map, script};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{note, plain, table};

const EXAMPLES: &str = "\
Examples:
  apiary shadow rollback --map shadow.toml
  apiary shadow rollback --map shadow.toml --yes

Without --yes nothing is changed: the statements are shown. Turn the old handler on before: until the \
rollback its writes are refused, and Stripe sends those events again. Exits with 1 if a row could not \
be written, is newer than the record's, or is in the old table alone.";

/// Put the old tables back under their names, with the rows that the bee has written since the cutover
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    map: Map,
    /// Do it; without this, the statements are shown
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let rollback = arguments.map.run(context, async |shadow| shadow.rollback(arguments.yes).await).await?;
    context.format.print(&rollback, text)?;
    if !rollback.done {
        note(DRY);
    }
    match rollback.tables.iter().map(|one| one.failed + one.newer + one.only_old).sum::<u64>() {
        0 => Ok(()),
        left => {
            let fault = Fault::failure(format!("the old tables are back, but {left} rows are not the record's"));
            Err(fault.hint("repair them by hand, or by the old handler; `apiary shadow report` lists them").into())
        }
    }
}

fn text(rollback: &Rollback) -> String {
    let tables = rollback.tables.iter().map(|one| match (&one.since, rollback.done) {
        (None, _) => format!("{} has its name; there is nothing to roll back", one.old),
        (Some(since), false) => {
            let marks = format!("apiary.shadow: {} is rolled back", one.old);
            format!("{}, cut over at {since}\n\n{}", one.old, script(&one.statements, &marks))
        }
        (Some(_), true) => result(one),
    });
    tables.collect::<Vec<_>>().join("\n\n")
}

fn result(one: &RolledBack) -> String {
    let RolledBack { old, updated, inserted, failed, .. } = one;
    let mut text = format!("{old} is back: {updated} rows updated, {inserted} added, {failed} not written");
    if *inserted > 0 && !one.unfilled.is_empty() {
        text.push_str(&format!("\nthe record has no {}: added rows have their defaults", one.unfilled.join(", ")));
    }
    if one.newer + one.only_old > 0 {
        text.push_str(&format!("\n{} left because they are newer, {} only in the old table", one.newer, one.only_old));
    }
    if !one.failures.is_empty() {
        let rows = one.failures.iter().map(|(key, words)| vec![plain(key), plain(words)]);
        text.push_str(&format!("\n\n{}", table(&["key", "not written because"], rows)));
    }
    text
}
