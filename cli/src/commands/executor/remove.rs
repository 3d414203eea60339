//! `apiary executor remove`.

use std::path::PathBuf;

use apiary_identity::{Id, Role};
use clap::Args;
use serde::Serialize;

use crate::commands::grant::signed::{colony_key, seal};
use crate::commands::grant::{list, revoke};
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::plain;
use crate::profile;

const EXAMPLES: &str = "\
Example:
  apiary executor remove finance-2 --colony-key colony.pem --reason \"the machine is gone\"";

/// Remove an executor: revoke the grants of every key of its name. Its work returns to the queue at once
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the executor, as in its grant
    name: String,
    /// The colony's secret key
    #[arg(long, value_name = "FILE")]
    colony_key: PathBuf,
    /// Reason, signed with the revocation
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct RemoveOutput {
    name: String,
    keys: Vec<Id>,
    grants: i32,
    leases: i32,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let colony_key = colony_key(context, Some(&arguments.colony_key))?;
    let client = profile::client_as(&context.settings, colony_key.id(), colony_key.clone())?;
    let (grants, _) = list::all(&client).await?;
    let is_meant = |known: &list::ListOutput| {
        known.grant.role == Role::Executor && known.grant.name == arguments.name && known.revoked_from.is_none()
    };
    let mut removed = RemoveOutput { name: arguments.name.clone(), keys: Vec::new(), grants: 0, leases: 0 };
    for known in grants.into_iter().filter(is_meant) {
        let about = revoke::About { grant_id: Some(known.grant.grant_id), key: None };
        let revocation = about.revocation(colony_key.id(), client.clock().now(), arguments.reason.clone());
        let answer = client.revoke_grant(&seal(&colony_key, &revocation)?).await?;
        removed.grants += answer.grants;
        removed.leases += answer.leases;
        if !removed.keys.contains(&known.grant.key) {
            removed.keys.push(known.grant.key);
        }
    }
    if removed.keys.is_empty() {
        let fault = Fault::new(Exit::NotFound, format!("no executor `{}` with a grant in this colony", arguments.name));
        return Err(fault
            .hint("`apiary executor list` shows them; `apiary executor reject` rejects a waiting one")
            .into());
    }
    context.format.print(&removed, |removed| {
        plain(&format!("removed {}: {}", removed.name, revoke::ended(removed.grants, removed.leases)))
    })
}
