//! Guard rules: what work may contain.

mod check;
mod defaults;
mod set;
mod show;

use anyhow::Context as _;
use apiary_executor_sdk::Client;
use apiary_identity::{Guard, chain};
use clap::Subcommand;

use crate::context::Context;
use crate::exit::{Exit, Fault};

/// Test guard rules about work, print the default ones, set the colony's
#[derive(Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Defaults(defaults::Arguments),
    Set(set::Arguments),
    Show(show::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Check(arguments) => check::run(&arguments, context),
            Self::Defaults(_) => defaults::run(),
            Self::Set(arguments) => set::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
        }
    }
}

/// Reads the colony's rules from the broker, and verifies the colony's signature.
async fn kept(client: &Client) -> anyhow::Result<Option<Guard>> {
    let Some(envelope) = client.get_guard().await? else { return Ok(None) };
    let guard = chain::verify_guard(&client.colony(), &envelope)
        .map_err(|error| Fault::new(Exit::Broken, error.to_string()))
        .context("the rules that the broker gives")?;
    Ok(Some(guard))
}
