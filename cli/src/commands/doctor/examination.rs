//! The command, and the order in which things are looked at.

use clap::Args;
use serde::Serialize;

use super::finding::{Finding, Verdict};
use super::{broker, neighbours, settings};
use crate::context::Context;
use crate::exit::Fault;

const EXAMPLES: &str = "\
Examples:
  apiary doctor
  apiary doctor -o json | jq '.findings[] | select(.verdict == \"bad\")'";

/// Look at settings, keys, clock, broker, grants, webhook adapter and state of record
///
/// Exits with 1 if anything is bad. Changes nothing.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Examination {
    healthy: bool,
    findings: Vec<Finding>,
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let mut findings = settings::examine(settings);
    findings.extend(broker::examine(settings).await);
    findings.push(neighbours::webhook(settings).await);
    findings.push(neighbours::record(settings).await);
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let examination = Examination { healthy: bad == 0, findings };
    context.format.print(&examination, text)?;
    match bad {
        0 => Ok(()),
        1 => Err(Fault::failure("one thing is bad").into()),
        bad => Err(Fault::failure(format!("{bad} things are bad")).into()),
    }
}

fn text(examination: &Examination) -> String {
    examination.findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n")
}
