//! `apiary executor approve`.

use std::path::PathBuf;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::{Grant, Id, Role, Scopes};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{named, one_key};
use crate::arguments::whole;
use crate::commands::grant::signed::{colony_key, seal, write};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::{note, plain};
use crate::profile;

/// Grants are valid from a little earlier, for machines whose clocks are behind.
const HEAD_START: SignedDuration = SignedDuration::from_mins(5);

const EXAMPLES: &str = "\
Examples:
  apiary executor approve finance-2 --colony-key colony.pem
  apiary executor approve ed25519:… --colony-key colony.pem --function 'order.*' --valid-days 90
  apiary executor approve finance-2 --colony-key colony.pem --out grant.json
  apiary grant add --from grant.json   # delivers it";

/// Approve a waiting executor: sign a grant for its key with the colony's key. Compare the executor's key first
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name that the executor asks for, or its key
    #[arg(value_name = "NAME|KEY")]
    who: String,
    /// The colony's secret key
    #[arg(long, value_name = "FILE")]
    colony_key: PathBuf,
    /// A function for the grant: a name, a prefix such as `billing.*`, or `*`; may be given several times. Default: the
    /// functions that the executor announces
    #[arg(long = "function", value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Another name than the requested one
    #[arg(long)]
    name: Option<String>,
    /// Validity of the grant, in days
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = whole::<u16>(1, 3660))]
    valid_days: u16,
    /// Write the signed grant to this new file instead of sending it; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct ApproveOutput {
    name: String,
    key: Id,
    grant_id: Uuid,
    functions: Vec<String>,
    executor_types: Vec<String>,
    valid_until: Timestamp,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let colony_key = colony_key(context, Some(&arguments.colony_key))?;
    let client = profile::client_as(&context.settings, colony_key.id(), colony_key.clone())?;
    let found = named(&client, &arguments.who, &["pending", "rejected"]).await?;
    let key = one_key(&found)?;
    let asked = arguments.name.as_ref().or(found.first().map(|one| &one.name)).cloned().unwrap_or_default();
    check_namesakes(&client, &arguments.who, &asked, &key).await?;
    let grant = arguments.grant(colony_key.id(), key, &found, client.clock().now());
    note(&plain(&format!(
        "`{}`, {key}, is to do {} for {}",
        grant.name,
        grant.scopes.functions.join(", "),
        grant.scopes.executor_types.join(", ")
    )));
    let envelope = seal(&colony_key, &grant)?;
    if let Some(path) = &arguments.out {
        return write(path, &envelope);
    }
    client.add_grant(&envelope).await?;
    let approved = ApproveOutput {
        name: grant.name,
        key,
        grant_id: grant.grant_id,
        functions: grant.scopes.functions,
        executor_types: grant.scopes.executor_types,
        valid_until: grant.valid_until,
    };
    context
        .format
        .print(&approved, |approved| plain(&format!("approved {} until {:.0}", approved.name, approved.valid_until)))
}

/// Rejects a name that is in use under another key, unless the key is named: waiting executors choose their names
/// themselves, and one could imitate another.
async fn check_namesakes(client: &Client, who: &str, name: &str, key: &Id) -> anyhow::Result<()> {
    let key = key.to_string();
    let others = super::all(client, "", &[]).await?;
    let other = others.iter().find(|other| {
        other.name == name && other.key_id != key && !["pending", "rejected", "removed"].contains(&other.state.as_str())
    });
    match other {
        Some(other) if who != key => {
            let words = format!("`{name}` is the name of an executor already, with the key {}", other.key_id);
            let hint = format!("for a second key of that name approve {key}; for another name add --name");
            Err(Fault::usage(words).hint(hint).into())
        }
        _ => Ok(()),
    }
}

impl Arguments {
    fn grant(&self, colony: Id, key: Id, asked: &[v1::Executor], now: Timestamp) -> Grant {
        let announced = || distinct(asked.iter().flat_map(|one| &one.functions).map(|function| function.name.clone()));
        let functions = Some(self.functions.clone()).filter(|given| !given.is_empty()).unwrap_or_else(announced);
        let asked_name = asked.first().map(|one| one.name.clone()).unwrap_or_default();
        let days = SignedDuration::from_hours(24 * i64::from(self.valid_days));
        Grant {
            colony,
            grant_id: Uuid::new_v4(),
            key,
            role: Role::Executor,
            name: self.name.clone().unwrap_or(asked_name),
            scopes: Scopes {
                // An executor that announces no function gets a grant for all functions of its type.
                functions: Some(functions).filter(|names| !names.is_empty()).unwrap_or_else(|| vec!["*".to_owned()]),
                executor_types: distinct(asked.iter().map(|one| one.executor_type.clone())),
            },
            rights: Vec::new(),
            valid_from: now.saturating_sub(HEAD_START).unwrap_or(Timestamp::MIN),
            valid_until: now.saturating_add(days).unwrap_or(Timestamp::MAX),
        }
    }
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
