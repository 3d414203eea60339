//! `apiary colony health`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary colony health
  apiary colony health -o json \\
      | jq -r '.findings[] | select(.kind == \"UNATTENDED_TYPE\") | .subject'";

/// Say what needs attention: work that nobody listens for, silent executors, what is paused, dead letters
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
    let health = Health { healthy: answer.healthy, findings: answer.findings.into_iter().map(finding).collect() };
    context.format.print(&health, text)
}

fn text(health: &Health) -> String {
    if health.healthy {
        return "nothing needs attention".to_owned();
    }
    let mut text = String::new();
    for finding in &health.findings {
        let _ = writeln!(text, "{:<18} {}", plain(&finding.kind), plain(&finding.text));
    }
    text
}
