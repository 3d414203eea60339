//! The command, and the order of the checks.

use std::time::Duration;

use apiary_bees::ALL;
use apiary_identity::KeyPair;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::finding::{Finding, Verdict};
use super::{broker, neighbours, settings};
use crate::arguments::duration;
use crate::context::Context;
use crate::exit::Fault;
use crate::keys;
use crate::settings::Settings;

/// Names of the checks, before those of the bees.
const CHECKS: [&str; 8] = ["settings", "colony", "key", "broker", "clock", "health", "grants", "webhook"];
/// Pause between two rounds of checks.
const PAUSE: Duration = Duration::from_millis(250);

const EXAMPLES: &str = "\
Examples:
  apiary doctor
  apiary doctor --only broker --wait 30s      # waits for a broker that is just starting
  apiary doctor -o json | jq '.findings[] | select(.verdict == \"bad\")'";

/// Check settings, keys, clock, broker, the colony's health, grants, webhook adapter and what is behind the bees
///
/// Exits with 1 if a check fails. Changes nothing.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    // Its help text follows from the list.
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(checks()), help = only_this())]
    only: Vec<String>,
    /// Repeat the checks until none fails, for at most this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0")]
    wait: Duration,
}

fn checks() -> Vec<&'static str> {
    CHECKS.into_iter().chain(ALL.iter().filter_map(|bee| bee.check_name())).collect()
}

fn only_this() -> String {
    let mut checks = checks();
    let last = checks.pop().unwrap_or_default();
    format!("Run only this check: {} or {last}; may be given several times", checks.join(", "))
}

#[derive(Serialize)]
struct Examination {
    healthy: bool,
    findings: Vec<Finding>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let until = Instant::now() + arguments.wait;
    // Read once: standard input can be read only once, and nobody should type a passphrase for each round.
    let key = keys::from_settings(&context.settings);
    let findings = loop {
        let mut findings = examine(&context.settings, &key).await;
        findings.retain(|finding| arguments.only.is_empty() || arguments.only.iter().any(|name| name == finding.check));
        let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
        if bad == 0 || Instant::now() + PAUSE > until {
            break findings;
        }
        sleep(PAUSE).await;
    };
    report(context, findings)
}

/// Prints findings; an error if one is bad.
pub(crate) fn report(context: &Context, findings: Vec<Finding>) -> anyhow::Result<()> {
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let examination = Examination { healthy: bad == 0, findings };
    context.format.print(&examination, text)?;
    match bad {
        0 => Ok(()),
        1 => Err(Fault::failure("one fault found").into()),
        bad => Err(Fault::failure(format!("{bad} faults found")).into()),
    }
}

async fn examine(settings: &Settings, key: &anyhow::Result<KeyPair>) -> Vec<Finding> {
    let mut findings = settings::examine(settings, key);
    findings.extend(broker::examine(settings, key.as_ref().ok().cloned()).await);
    findings.extend(neighbours::webhook(settings).await);
    findings.extend(neighbours::bees(settings).await);
    findings
}

fn text(examination: &Examination) -> String {
    examination.findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n")
}
