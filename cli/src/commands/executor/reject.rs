//! `apiary executor reject`.

use clap::Args;
use serde::Serialize;

use super::{named, one_key};
use crate::context::Context;
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Example:
  apiary executor reject finance-2";

/// Reject an executor that waits for approval. It may still be approved later. Needs the right `executors` or `approve`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name that the executor asks for, or its key
    #[arg(value_name = "NAME|KEY")]
    who: String,
}

#[derive(Serialize)]
struct RejectOutput {
    key: apiary_identity::Id,
    existed: bool,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let key = one_key(&named(&client, &arguments.who, &["pending", "rejected"]).await?)?;
    let rejected = RejectOutput { key, existed: client.reject_executor(&key).await? };
    context.format.print(&rejected, |rejected| plain(&format!("rejected {}", rejected.key)))
}
