//! `apiary guard defaults`.

use apiary_executor_sdk::guard::default_rules;
use clap::Args;

use crate::output::print_line;

const EXAMPLES: &str = "\
Examples:
  apiary guard defaults | jq -r '.[].function'
  apiary guard defaults > rules.json
  apiary guard defaults | jq '[.[] | select(.function == \"shell*\") | .function = \"run\"]'";

/// Print the default set: a JSON array of rules, for functions with names like a shell's
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

pub(crate) fn run() -> anyhow::Result<()> {
    print_line(&serde_json::to_string_pretty(&default_rules())?)
}
