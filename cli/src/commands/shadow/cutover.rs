//! `apiary shadow cutover`.

use apiary_bees::finance::shadow::{Cutover, Gate};
use clap::Args;

use super::{DRY, Map, script};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{note, table};

const EXAMPLES: &str = "\
Examples:
  apiary shadow cutover --map shadow.toml
  apiary shadow cutover --map shadow.toml --yes

Without --yes nothing is changed: gates and statements are shown. With it, one transaction renames \
each old table and makes a view over the state of record under its name. Exits with 1 if a gate refuses.
`apiary shadow rollback` goes back.";

/// Replace the old tables by views over the state of record, if every gate is passed
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    map: Map,
    /// Do it; without this, gates and statements are shown
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let cutover = arguments.map.run(context, async |shadow| shadow.cutover(arguments.yes).await).await?;
    context.format.print(&cutover, text)?;
    if cutover.done {
        note("the old names show the bee's rows; turn the old handler off, whose writes are refused from now on");
        return Ok(());
    }
    if !cutover.ready {
        return Err(Fault::failure("a gate refuses; nothing was changed").into());
    }
    note(DRY);
    Ok(())
}

fn text(cutover: &Cutover) -> String {
    let tables = cutover.tables.iter().map(|one| match &one.since {
        Some(since) => format!("{} was cut over at {since}", one.old),
        None => {
            let gates = table(&["gate", "", "state"], one.gates.iter().map(row));
            let is_refused = one.gates.iter().any(|gate| !gate.passed);
            let marks = format!("apiary.shadow: {} is cut over", one.old);
            match is_refused {
                true => format!("{}\n\n{gates}", one.old),
                false => format!("{}\n\n{gates}\n\n{}", one.old, script(&one.statements, &marks)),
            }
        }
    });
    tables.collect::<Vec<_>>().join("\n\n")
}

fn row(gate: &Gate) -> Vec<String> {
    let verdict = if gate.passed { "passed" } else { "refused" };
    vec![gate.name.to_owned(), verdict.to_owned(), gate.words.clone()]
}
