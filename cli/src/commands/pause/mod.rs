//! Pauses: what is not handed out for the time being.

mod add;
mod list;
mod remove;

use apiary_executor_sdk::v1;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Fault;

/// Pause and resume the colony, an executor type or a function. Running work goes on
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

/// What is paused or resumed.
#[derive(Args)]
struct What {
    /// What sort of thing
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Which executor type or function
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// What can be paused.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// All work of the colony
    Colony,
    /// All work for one executor type
    ExecutorType,
    /// One function, whoever does it
    Function,
}

impl What {
    /// The kind and the name for the wire.
    fn for_wire(&self) -> Result<(String, String), Fault> {
        let kind = match self.kind {
            Kind::Colony => "colony",
            Kind::ExecutorType => "executor_type",
            Kind::Function => "function",
        };
        match (self.kind, &self.name) {
            (Kind::Colony, None) => Ok((kind.to_owned(), String::new())),
            (Kind::Colony, Some(_)) => Err(Fault::usage("`colony` takes no name: it is the colony that you are in")),
            (_, Some(name)) => Ok((kind.to_owned(), name.clone())),
            (Kind::ExecutorType, None) => Err(Fault::usage("name the executor type, such as `executor-type finance`")),
            (Kind::Function, None) => Err(Fault::usage("name the function, such as `function stripe.event`")),
        }
    }
}

/// What is paused, in words.
fn words(kind: &str, name: &str) -> String {
    match kind {
        "colony" => "the colony".to_owned(),
        "executor_type" => format!("executor type {name}"),
        _ => format!("{kind} {name}"),
    }
}

/// A pause, as it is shown.
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
    /// Since when, for people.
    fn since(&self) -> String {
        self.since.map(|since| format!("{since:.0}")).unwrap_or_default()
    }
}
