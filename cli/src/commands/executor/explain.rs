//! `apiary executor explain`.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary executor explain finance
  apiary executor explain finance -o json | jq -r '.reasons[].kind'";

/// Explain why an executor gets no work
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The executor's name
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Serialize)]
struct ExplainOutput {
    executors: Vec<State>,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct State {
    name: String,
    executor_type: String,
    state: String,
}

#[derive(Serialize)]
struct Reason {
    kind: String,
    text: String,
    executor_type: String,
    count: i64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let answer = profile::client(&context.settings)?.explain_executor(&arguments.name).await?;
    let executors = answer.executors.into_iter();
    let reasons = answer.reasons.into_iter();
    let shown = ExplainOutput {
        executors: executors
            .map(|one| State { name: one.name, executor_type: one.executor_type, state: one.state })
            .collect(),
        reasons: reasons
            .map(|one| Reason { kind: one.kind, text: one.text, executor_type: one.executor_type, count: one.count })
            .collect(),
    };
    context.format.print(&shown, text)
}

fn text(shown: &ExplainOutput) -> String {
    let mut text = String::new();
    for one in &shown.executors {
        let executor_type = if one.executor_type.is_empty() { "any type" } else { &one.executor_type };
        let _ = writeln!(text, "{} ({}) is {}", plain(&one.name), plain(executor_type), plain(&one.state));
    }
    for reason in &shown.reasons {
        let _ = writeln!(text, "  {:<20} {}", plain(&reason.kind), plain(&reason.text));
    }
    if shown.reasons.is_empty() {
        text.push_str("  nothing prevents it from getting work\n");
    }
    text
}
