//! `apiary colony health`.

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Quiet};
use crate::output::listing;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary colony health
  apiary colony health -q > /dev/null || echo \"look at it\"
  apiary colony health -o json \\
      | jq -r '.findings[] | select(.kind == \"UNATTENDED_TYPE\") | .subject'";

/// Show what needs attention: dead letters, stuck or unattended work, silent executors, pauses, grants that end soon
///
/// Exits with 0 if nothing needs attention, else with 10. docs/explain.md lists the kinds of findings.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Health {
    healthy: bool,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    kind: String,
    text: String,
    subject: String,
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<jiff::Timestamp>,
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let answer = profile::client(&context.settings)?.get_health().await?;
    let finding = |finding: apiary_executor_sdk::v1::HealthFinding| Finding {
        kind: finding.kind,
        text: finding.text,
        subject: finding.subject,
        count: finding.count,
        since: (finding.since_ms > 0).then(|| jiff::Timestamp::from_millisecond(finding.since_ms).ok()).flatten(),
    };
    let healthy = answer.healthy;
    let health = Health { healthy, findings: answer.findings.into_iter().map(finding).collect() };
    context.format.print(&health, text)?;
    if healthy { Ok(()) } else { Err(Quiet(Exit::Attention).into()) }
}

fn text(health: &Health) -> String {
    if health.healthy {
        return "nothing needs attention".to_owned();
    }
    listing(health.findings.iter().map(|finding| (finding.kind.clone(), finding.text.clone())))
}
