//! `apiary guard check`.

use std::path::{Path, PathBuf};

use apiary_executor_sdk::guard::{Call, Guard, Refusal};
use apiary_identity::limits::CONTENT_BYTES_MAX;
use clap::Args;
use serde::Serialize;

use crate::arguments::given;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::files;
use crate::profile::read_guard;

const EXAMPLES: &str = "\
Examples:
  apiary guard check --function shell --args '{\"command\":\"rm -rf /\"}'
  apiary guard check --rules rules.json --executor-type ops --function deploy --args @args.json
  jq .args spec.json | apiary guard check --rules rules.json --function deploy --args @-";

/// Check whether a guard permits work, and print the rule that rejects it. Nothing is sent
///
/// The guard is the default set and, with --rules, the rules of a file: the same that `apiary bee` applies with
/// `bee.guard_file`. Exits with 7 if a rule rejects the work.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A file with a JSON array of rules
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Apply only the rules of the file
    #[arg(long, requires = "rules")]
    without_defaults: bool,
    /// Function of the work
    #[arg(long, value_parser = given)]
    function: String,
    /// Executor type of the work; if not given, rules for every type apply
    #[arg(long, visible_alias = "type", value_name = "TYPE", value_parser = given)]
    executor_type: Option<String>,
    /// The arguments, as JSON; `@FILE` reads a file of any bytes, `@-` standard input
    #[arg(long, value_name = "JSON|@FILE", value_parser = given)]
    args: Option<String>,
}

#[derive(Serialize)]
struct Verdict {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let args = arguments.args()?;
    let guard = if arguments.without_defaults { Guard::empty() } else { Guard::default() };
    let guard = match &arguments.rules {
        Some(path) => read_guard(guard, path)?,
        None => guard,
    };
    let call = Call { executor_type: arguments.executor_type.as_deref(), function: &arguments.function, args: &args };
    let refusal = guard.check(&call).err();
    context.format.print(&Verdict::of(refusal.as_ref()), |_| match &refusal {
        None => "allowed".to_owned(),
        Some(refusal) => format!("refused: rule `{}`", refusal.rule()),
    })?;
    match refusal {
        None => Ok(()),
        Some(refusal) => Err(Fault::new(Exit::Guarded, refusal.to_string()).into()),
    }
}

impl Arguments {
    fn args(&self) -> anyhow::Result<Vec<u8>> {
        let Some(args) = &self.args else { return Ok(Vec::new()) };
        if let Some(path) = args.strip_prefix('@') {
            return files::read(Path::new(path), CONTENT_BYTES_MAX, "arguments have");
        }
        serde_json::from_str::<serde::de::IgnoredAny>(args).map_err(|error| {
            Fault::usage(format!("--args is not JSON: {error}")).hint("use --args @FILE for other bytes")
        })?;
        Ok(args.trim().as_bytes().to_vec())
    }
}

impl Verdict {
    fn of(refusal: Option<&Refusal>) -> Self {
        Self {
            allowed: refusal.is_none(),
            rule: refusal.map(|refusal| refusal.rule().to_owned()),
            field: refusal.map(|refusal| refusal.field().to_owned()),
            why: refusal.map(|refusal| refusal.why().to_owned()),
        }
    }
}
