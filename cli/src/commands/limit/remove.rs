//! `apiary limit remove`.

use clap::Args;
use serde::Serialize;

use super::Kind;
use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary limit remove function stripe.event
  apiary limit remove concurrency-key 'customer-*'";

/// Remove a limit; work that waited for it starts at once. Needs the right `operate`, or the colony's key
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Kind of the limit
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Pattern of the limit, as shown by `apiary limit list`
    #[arg(value_name = "PATTERN")]
    pattern: String,
}

#[derive(Serialize)]
struct Answer {
    kind: &'static str,
    pattern: String,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let (kind, pattern) = (arguments.kind.word(), arguments.pattern.clone());
    let existed = client.remove_limit(kind, &pattern).await?;
    context.format.print(&Answer { kind, pattern, existed }, |answer| {
        let what = format!("{} {}", answer.kind.replace('_', " "), answer.pattern);
        plain(&if answer.existed { format!("removed the limit of {what}") } else { format!("{what} had no limit") })
    })
}
