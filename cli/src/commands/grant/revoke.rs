//! `apiary grant revoke`.

use std::path::PathBuf;

use apiary_executor_sdk::Client;
use apiary_identity::{Envelope, Id, KeyPair, Revocation};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::list;
use super::signed::{colony_key, read, seal, write};
use crate::arguments::uuid;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::counted;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary grant revoke 0b0a7c1e-… --colony-key colony.pem --reason \"left the company\"
  apiary grant revoke --key ed25519:… --colony-key colony.pem   # all of a key, also later ones
  apiary grant revoke … --out revocation.json     # where the colony's key is, offline
  apiary grant revoke --from revocation.json      # anywhere: the signature is the permission";

/// Revoke a grant, or every grant of a key, at once. Work under it returns to the queue
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The grant's id; `apiary grant list -o json` shows it
    #[arg(value_name = "GRANT_ID", value_parser = uuid, required_unless_present_any = ["key", "from"], conflicts_with = "key")]
    grant_id: Option<Uuid>,
    /// Revoke every grant of this key instead, including later ones: for a stolen key
    #[arg(long, value_name = "ID")]
    key: Option<Id>,
    /// The colony's secret key
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    colony_key: Option<PathBuf>,
    /// Reason, signed with the revocation
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Write the signed revocation to this new file instead of sending it; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    out: Option<PathBuf>,
    /// Deliver a revocation that was signed before; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grant_id", "key", "colony_key", "reason"])]
    from: Option<PathBuf>,
}

#[derive(Serialize)]
struct RevokeOutput {
    grants: i32,
    leases: i32,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if let Some(path) = &arguments.from {
        let envelope = read::<Revocation>(path)?;
        // The signature authorises the call, so any key will do.
        let client = profile::client_as(&context.settings, envelope.key_id, KeyPair::generate())?;
        return deliver(context, &client, &envelope).await;
    }
    let colony_key = colony_key(context, arguments.colony_key.as_ref())?;
    let now = profile::clock().now();
    let about = About { grant_id: arguments.grant_id, key: arguments.key };
    let envelope = seal(&colony_key, &about.revocation(colony_key.id(), now, arguments.reason.clone()))?;
    if let Some(path) = &arguments.out {
        return write(path, &envelope);
    }
    let client = profile::client_as(&context.settings, colony_key.id(), colony_key)?;
    about.check(&client).await?;
    deliver(context, &client, &envelope).await
}

/// Scope of a revocation.
#[derive(Clone, Copy, Default)]
pub(crate) struct About {
    /// A single grant.
    pub(crate) grant_id: Option<Uuid>,
    /// Every grant of a key.
    pub(crate) key: Option<Id>,
}

impl About {
    /// Builds the revocation, effective from now.
    pub(crate) fn revocation(self, colony: Id, now: Timestamp, reason: Option<String>) -> Revocation {
        let Self { grant_id, key } = self;
        Revocation { colony, revocation_id: Uuid::new_v4(), grant_id, key, from: now, reason }
    }

    /// Checks that the grant or key exists: with a mistyped id, nothing would be revoked, and the command would seem to
    /// succeed.
    async fn check(self, client: &Client) -> anyhow::Result<()> {
        let (grants, _) = list::all(client).await?;
        let is_there = |id| grants.iter().any(|known| known.grant.grant_id == id);
        match self.grant_id {
            Some(id) if !is_there(id) => Err(Fault::new(Exit::NotFound, format!("no grant {id} in this colony"))
                .hint("`apiary grant list -o json` shows the ids")
                .into()),
            _ => Ok(()),
        }
    }
}

/// Formats the effect of a revocation.
pub(crate) fn ended(grants: i32, leases: i32) -> String {
    let grants = counted(grants.into(), "grant", "grants");
    format!("{grants} revoked, {} given back", counted(leases.into(), "lease", "leases"))
}

async fn deliver(context: &Context, client: &Client, envelope: &Envelope) -> anyhow::Result<()> {
    let answer = client.revoke_grant(envelope).await?;
    let revoked = RevokeOutput { grants: answer.grants, leases: answer.leases };
    context.format.print(&revoked, |revoked| ended(revoked.grants, revoked.leases))
}
