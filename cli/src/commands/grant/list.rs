//! `apiary grant list`.

use std::path::PathBuf;

use apiary_executor_sdk::wire::envelope_from_proto;
use apiary_executor_sdk::{Client, v1};
use apiary_identity::chain::verify_grant;
use apiary_identity::{Grant, Id};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::table;
use crate::{keys, profile};

/// Grants in one answer of the broker.
const PAGE: i32 = 1000;

const EXAMPLES: &str = "\
Examples:
  apiary grant list
  apiary grant list --colony-key colony.pem -o json";

/// List the colony's grants, oldest first, each signature checked
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Ask with the colony's key instead of your own
    #[arg(long, value_name = "FILE")]
    colony_key: Option<PathBuf>,
}

/// A grant of the colony, with its revocation.
pub(crate) struct ListOutput {
    /// The grant as signed by the colony.
    pub(crate) grant: Grant,
    /// Start of the revocation, as stated by the broker.
    pub(crate) revoked_from: Option<Timestamp>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    grant: Grant,
    valid_now: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_from: Option<Timestamp>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = match &arguments.colony_key {
        Some(path) => {
            let key = keys::from_file(&context.settings, path)?;
            profile::client_as(&context.settings, key.id(), key)?
        }
        None => profile::client(&context.settings)?,
    };
    let now = client.clock().now();
    let (grants, broken) = all(&client).await?;
    let row = |ListOutput { grant, revoked_from }| Row {
        valid_now: grant.is_valid_at(now) && revoked_from.is_none(),
        grant,
        revoked_from,
    };
    let rows: Vec<Row> = grants.into_iter().map(row).collect();
    context.format.print(&rows, |rows| text(rows, now))?;
    match broken.first() {
        None => Ok(()),
        Some(first) => Err(Fault::new(
            Exit::Broken,
            format!("{} grants are not what the colony signed, the first: {first}", broken.len()),
        )
        .into()),
    }
}

/// Reads every grant signed by the colony, and reports the faults of the others.
pub(crate) async fn all(client: &Client) -> anyhow::Result<(Vec<ListOutput>, Vec<String>)> {
    let (mut grants, mut broken, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = client.list_grants(v1::ListGrantsRequest { page_size: PAGE, page_token }).await?;
        let revoked = page.revoked_from_ms.into_iter().chain(std::iter::repeat(0));
        for (envelope, revoked_from_ms) in page.grants.iter().zip(revoked) {
            let revoked_from = Timestamp::from_millisecond(revoked_from_ms).ok().filter(|_| revoked_from_ms > 0);
            match check(&client.colony(), envelope) {
                Ok(grant) => grants.push(ListOutput { grant, revoked_from }),
                Err(words) => broken.push(words),
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok((grants, broken));
        }
    }
}

fn check(colony: &Id, envelope: &v1::Envelope) -> Result<Grant, String> {
    let envelope = envelope_from_proto(envelope).map_err(|error| error.to_string())?;
    verify_grant(colony, &envelope).map_err(|link| link.to_string())
}

fn text(rows: &[Row], now: Timestamp) -> String {
    let cells = rows.iter().map(|Row { grant, valid_now, revoked_from }| {
        let rights: Vec<&str> = grant.rights.iter().map(|right| right.as_str()).collect();
        let valid = match valid_now {
            true => format!("until {:.0}", grant.valid_until),
            false if revoked_from.is_some() => "revoked".to_owned(),
            false if grant.valid_from > now => format!("not before {:.0}", grant.valid_from),
            false => "expired".to_owned(),
        };
        vec![
            grant.name.clone(),
            grant.role.as_str().to_owned(),
            grant.scopes.functions.join(" "),
            grant.scopes.executor_types.join(" "),
            rights.join(" "),
            valid,
            grant.grant_id.to_string(),
            grant.key.to_string(),
        ]
    });
    table(&["name", "role", "functions", "executor types", "rights", "valid", "grant", "key"], cells)
}
