//! `apiary pause remove`.

use apiary_executor_sdk::v1;
use clap::Args;
use serde::Serialize;

use super::{What, words};
use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary pause remove function stripe.event
  apiary pause remove executor-type finance
  apiary pause remove colony";

/// Resume: waiting executors get the work at once. Needs the right `pause`, or the colony's key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    what: What,
}

#[derive(Serialize)]
struct Answer {
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (kind, name) = arguments.what.for_wire()?;
    let client = profile::client(&context.settings)?;
    let request = v1::ResumeRequest { kind: kind.clone(), name: name.clone() };
    let existed = client.resume(request).await?.existed;
    context.format.print(&Answer { kind, name, existed }, text)
}

fn text(answer: &Answer) -> String {
    let what = words(&answer.kind, &answer.name);
    plain(&match answer.existed {
        true => format!("resumed {what}"),
        false => format!("{what} was not paused"),
    })
}
