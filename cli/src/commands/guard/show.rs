//! `apiary guard show`.

use apiary_identity::{Guard, GuardRule};
use clap::Args;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::kept;
use crate::context::Context;
use crate::output::table;
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary guard show
  apiary guard show -o json | jq .rules > rules.json";

/// Show the colony's rules, after checking its signature
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct View {
    version: i64,
    made_at: String,
    /// Serialised as values: a schema could contain line breaks otherwise, and the output is one line.
    #[serde(serialize_with = "as_value")]
    rules: Vec<GuardRule>,
}

fn as_value<S: Serializer>(rules: &[GuardRule], serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::to_value(rules).map_err(S::Error::custom)?.serialize(serializer)
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let client = profile::client(&context.settings)?;
    let view = kept(&client).await?.map(View::from);
    context.format.print(&view, |view| view.as_ref().map_or_else(|| "the colony has set no rules".to_owned(), text))
}

impl From<Guard> for View {
    fn from(guard: Guard) -> Self {
        Self { version: guard.version, made_at: guard.made_at.to_string(), rules: guard.rules }
    }
}

fn text(view: &View) -> String {
    let title = format!("version {} of {}", view.version, view.made_at);
    if view.rules.is_empty() {
        return format!("{title}: no rules");
    }
    let row = |rule: &GuardRule| {
        let schema = if rule.schema.is_some() { "yes" } else { "-" };
        let counts = [rule.deny.len().to_string(), rule.allow.len().to_string()];
        [vec![rule.name.clone(), rule.executor_type.clone(), rule.function.clone(), schema.to_owned()], counts.to_vec()]
            .concat()
    };
    let header = ["rule", "executor type", "function", "schema", "deny", "allow"];
    format!("{title}\n{}", table(&header, view.rules.iter().map(row)))
}
