//! `apiary pause add`.

use apiary_executor_sdk::v1;
use clap::Args;
use serde::Serialize;

use super::{PauseView, What, words};
use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary pause add function stripe.event --reason \"the bank is away until noon\"
  apiary pause add executor-type finance
  apiary pause add colony --reason maintenance";

/// Pause: no work of it is handed out until it is resumed, and no `max_wait` expires. Needs the right `pause`, or the
/// colony's key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    what: What,
    /// Reason, shown by `apiary pause list` and to everybody who asks why work waits
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    pause: PauseView,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (kind, name) = arguments.what.for_wire()?;
    let client = profile::client(&context.settings)?;
    let request = v1::PauseRequest { kind, name, reason: arguments.reason.clone() };
    let answer = client.pause(request).await?;
    let answer = Answer { pause: answer.pause.unwrap_or_default().into(), existed: answer.existed };
    context.format.print(&answer, text)
}

fn text(answer: &Answer) -> String {
    let pause = &answer.pause;
    let what = words(&pause.kind, &pause.name);
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    plain(&match answer.existed {
        true => format!("{what} was paused already, since {} by {}{reason}", pause.since(), pause.by),
        false => format!("paused {what}{reason}"),
    })
}
