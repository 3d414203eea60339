//! `apiary guard set`.

use std::path::PathBuf;

use apiary_executor_sdk::guard::Guard as Rules;
use apiary_identity::limits::DOCUMENT_BYTES_MAX;
use apiary_identity::{Guard, GuardRule};
use clap::Args;
use serde::Serialize;

use super::kept;
use crate::arguments::{OPEN, whole};
use crate::commands::grant::signed::{colony_key, seal};
use crate::context::Context;
use crate::exit::Fault;
use crate::output::counted;
use crate::{files, profile};

const EXAMPLES: &str = "\
Examples:
  apiary guard set --colony-key colony.pem --rules rules.json
  apiary guard set --colony-key colony.pem --rules rules.json --version 7
  echo '[]' > none.json && apiary guard set --colony-key colony.pem --rules none.json    # no rules any more";

/// Sign rules with the colony's key and deliver them: every executor of the colony checks its work against them
///
/// The rules replace those set before. Executors fetch them at their start, and every minute.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A file with a JSON array of rules
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// Version of the rules, higher than any before; if not given, one more than the broker's
    #[arg(long, value_name = "N", value_parser = whole::<i64>(1, OPEN))]
    version: Option<i64>,
    /// The colony's secret key
    #[arg(long, value_name = "FILE")]
    colony_key: PathBuf,
}

/// Largest step between versions. Without it, a typing error could take the highest version, after which no rules could
/// be set.
const VERSION_STEP_MAX: i64 = 1_000_000;

#[derive(Serialize)]
struct Set {
    version: i64,
    rules: usize,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let rules = arguments.rules()?;
    let colony_key = colony_key(context, Some(&arguments.colony_key))?;
    let client = profile::client_as(&context.settings, colony_key.id(), colony_key.clone())?;
    let present = kept(&client).await?.map_or(0, |guard| guard.version);
    let version = match arguments.version {
        Some(version) if version > present.saturating_add(VERSION_STEP_MAX) => {
            let words = format!("version {version} is too far above the current one, {present}");
            return Err(Fault::usage(words).hint("omit --version to use the next one").into());
        }
        Some(version) => version,
        None => present.saturating_add(1),
    };
    let set = Set { version, rules: rules.len() };
    let guard = Guard { colony: colony_key.id(), version, made_at: profile::clock().now(), rules };
    client.set_guard(&seal(&colony_key, &guard)?).await?;
    context.format.print(&set, |set| {
        format!(
            "version {} is set, with {}",
            set.version,
            counted(i64::try_from(set.rules).unwrap_or(i64::MAX), "rule", "rules")
        )
    })
}

impl Arguments {
    /// Reads and tests the rules: an executor that cannot use one keeps the version before.
    fn rules(&self) -> anyhow::Result<Vec<GuardRule>> {
        let json = files::read(&self.rules, DOCUMENT_BYTES_MAX, "rules have")?;
        let fault = |problem: String| Fault::usage(format!("{}: {problem}", self.rules.display()));
        let rules = GuardRule::list_from_json(&json).map_err(|error| fault(error.to_string()))?;
        Rules::empty().with_rules(&rules).map_err(|error| fault(error.to_string()))?;
        Ok(rules)
    }
}
