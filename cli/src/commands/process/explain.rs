//! `apiary process explain`.

use apiary_executor_sdk::v1;
use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::select::Which;
use super::view::ProcessView;
use crate::context::Context;
use crate::output::{hanging, plain};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process explain latest
  apiary process explain 0198c0de-0000-7000-8000-000000000001 -o json | jq -r '.reasons[].kind'";

/// Explain why a process is not running, with every reason
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
}

#[derive(Serialize)]
struct ExplainOutput {
    process: ProcessView,
    reasons: Vec<Reason>,
    /// Position from 1; absent if the process does not wait.
    queue_position: Option<i64>,
    /// Estimate from the durations of such work in the last hour; absent if another reason than its position holds the
    /// process, or if there are no data.
    estimated_wait_ms: Option<i64>,
    /// True if position and estimate are the least that they can be: not all before it are counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_least: bool,
}

#[derive(Serialize)]
struct Reason {
    kind: String,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    process_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<jiff::Timestamp>,
    used: i64,
    limit: i64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let answer = client.explain(arguments.id.find(&client).await?).await?;
    let shown = ExplainOutput {
        process: ProcessView::from(answer.process.unwrap_or_default()),
        reasons: answer.reasons.into_iter().map(Reason::from).collect(),
        queue_position: Some(answer.queue_position).filter(|place| *place > 0),
        estimated_wait_ms: Some(answer.estimated_wait_ms).filter(|wait_ms| *wait_ms >= 0),
        is_least: answer.is_least,
    };
    context.format.print(&shown, text)
}

fn text(shown: &ExplainOutput) -> String {
    let process = &shown.process;
    let mut lines = vec![behind(&format!("{} ", plain(&process.process_id)), &format!("is {}", process.state))];
    for reason in &shown.reasons {
        lines.push(behind(&format!("  {:<22} ", plain(&reason.kind)), &reason.text));
        // The sentence names the parents already, each with its state.
        let holders = if reason.kind == "WAITS_FOR_PARENTS" { &[][..] } else { &reason.process_ids };
        lines.extend(holders.iter().map(|holder| behind(&format!("  {:<22} ", ""), &format!("held by {holder}"))));
    }
    if let Some(wait_ms) = shown.estimated_wait_ms {
        let wait = SignedDuration::from_secs(wait_ms / 1000);
        lines.push(match wait_ms {
            0..1000 => behind("", "its turn comes as soon as an executor asks"),
            _ => {
                let about = if shown.is_least { "no sooner than in" } else { "in about" };
                behind("", &format!("if work takes as long as in the last hour, its turn comes {about} {wait:#}"))
            }
        });
    }
    lines.join("\n")
}

fn behind(head: &str, text: &str) -> String {
    hanging(head, head.width(), &plain(text))
}

impl From<v1::ExplainedReason> for Reason {
    fn from(reason: v1::ExplainedReason) -> Self {
        Self {
            kind: reason.kind,
            text: reason.text,
            subjects: reason.subjects,
            process_ids: reason.process_ids,
            time: (reason.time_ms > 0).then(|| jiff::Timestamp::from_millisecond(reason.time_ms).ok()).flatten(),
            used: reason.used,
            limit: reason.limit,
        }
    }
}
