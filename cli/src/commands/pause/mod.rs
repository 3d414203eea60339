//! Pauses: work that is temporarily not handed out.

mod add;
mod list;
mod remove;

use apiary_executor_sdk::v1;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Fault;

/// Pause and resume the colony, an executor type or a function. Running work continues
#[derive(Subcommand)]
pub(crate) enum Command {
    Add(add::Arguments),
    Remove(remove::Arguments),
    List(list::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Add(arguments) => add::run(&arguments, context).await,
            Self::Remove(arguments) => remove::run(&arguments, context).await,
            Self::List(arguments) => list::run(&arguments, context).await,
        }
    }
}

/// The paused part of a colony, from the command line.
#[derive(Args)]
struct What {
    /// Kind of the paused part
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// The executor type or function
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Parts that can be paused.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// All work of the colony
    Colony,
    /// All work for one executor type
    ExecutorType,
    /// A function, at every executor type
    Function,
}

impl What {
    /// Returns kind and name for the protocol.
    fn for_wire(&self) -> Result<(String, String), Fault> {
        let kind = match self.kind {
            Kind::Colony => "colony",
            Kind::ExecutorType => "executor_type",
            Kind::Function => "function",
        };
        match (self.kind, &self.name) {
            (Kind::Colony, None) => Ok((kind.to_owned(), String::new())),
            (Kind::Colony, Some(_)) => Err(Fault::usage("`colony` takes no name: it means your own colony")),
            (_, Some(name)) => Ok((kind.to_owned(), name.clone())),
            (Kind::ExecutorType, None) => Err(Fault::usage("name the executor type, such as `executor-type finance`")),
            (Kind::Function, None) => Err(Fault::usage("name the function, such as `function stripe.event`")),
        }
    }
}

/// Describes the paused part.
fn words(kind: &str, name: &str) -> String {
    match kind {
        "colony" => "the colony".to_owned(),
        "executor_type" => format!("executor type {name}"),
        _ => format!("{kind} {name}"),
    }
}

/// A pause as shown.
#[derive(Serialize)]
struct PauseView {
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    since: Option<Timestamp>,
}

impl From<v1::PauseRecord> for PauseView {
    fn from(pause: v1::PauseRecord) -> Self {
        let v1::PauseRecord { kind, name, by, reason, since_ms } = pause;
        Self { kind, name, by, reason, since: Timestamp::from_millisecond(since_ms).ok() }
    }
}

impl PauseView {
    /// Formats the start of the pause.
    fn since(&self) -> String {
        self.since.map(|since| format!("{since:.0}")).unwrap_or_default()
    }
}
