//! `apiary process verify`.

use std::fmt::Write as _;

use apiary_executor_sdk::Client;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::chain::{Link, examine};
use super::select::Which;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::{BAD, GOOD, plain, styled};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary process verify latest
  apiary process verify 019ab2c4-5d6e-7f80-9123-456789abcdef -o json | jq .verified";

/// Verify a process's chain of signatures on this machine: colony key, grant, spec, attempts, result
///
/// The broker is not trusted: the colony's id comes from your settings, and the broker's statements must equal the
/// signed ones. Exits with 6, and names the link, if a byte was altered.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Id of the process, or `latest`
    #[arg(value_name = "ID", value_parser = Which::read)]
    id: Which,
}

/// A verified chain.
#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) process_id: Uuid,
    pub(crate) verified: bool,
    pub(crate) links: Vec<Link>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let process_id = arguments.id.find(&client).await?;
    let verdict = verify(&client, process_id).await?;
    context.format.print(&verdict, text)?;
    match verdict.links.iter().find(|link| !link.holds) {
        None => Ok(()),
        Some(link) => Err(Fault::new(
            Exit::Broken,
            format!("process {process_id} is broken at its {}: {}", link.link, link.words),
        )
        .hint("do not act on it: the database, or the broker, shows something that was not signed")
        .into()),
    }
}

/// Reads a process and verifies its chain.
pub(crate) async fn verify(client: &Client, process_id: Uuid) -> anyhow::Result<Verdict> {
    let answer = client.get_process(process_id).await?;
    let links = examine(&client.colony(), process_id, &answer);
    Ok(Verdict { process_id, verified: links.iter().all(|link| link.holds), links })
}

/// Formats the verdict.
pub(crate) fn text(verdict: &Verdict) -> String {
    let mut text = format!("process {}\n", verdict.process_id);
    for link in &verdict.links {
        let mark = if link.holds { styled(GOOD, "holds ") } else { styled(BAD, "BROKEN") };
        let _ = writeln!(text, "  {mark}  {:<10} {}", link.link, plain(&link.words));
    }
    text
}
