//! Executors.

mod approve;
mod drain;
mod explain;
mod list;
mod register;
mod reject;
mod remove;
mod show;
mod view;

pub(crate) use view::FunctionView;

use apiary_executor_sdk::{Client, v1};
use apiary_identity::Id;
use clap::Subcommand;

use crate::context::Context;
use crate::exit::{Exit, Fault};

/// Executors in one answer of the broker.
const PAGE: i32 = 1000;

/// List, approve, drain and remove executors
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    Show(show::Arguments),
    Register(register::Arguments),
    Approve(Box<approve::Arguments>),
    Reject(reject::Arguments),
    Remove(remove::Arguments),
    Drain(drain::Arguments),
    Explain(explain::Arguments),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::List(arguments) => list::run(&arguments, context).await,
            Self::Show(arguments) => show::run(&arguments, context).await,
            Self::Register(arguments) => register::run(&arguments, context).await,
            Self::Approve(arguments) => approve::run(&arguments, context).await,
            Self::Reject(arguments) => reject::run(&arguments, context).await,
            Self::Remove(arguments) => remove::run(&arguments, context).await,
            Self::Drain(arguments) => drain::run(&arguments, context).await,
            Self::Explain(arguments) => explain::run(&arguments, context).await,
        }
    }
}

/// Reads every matching executor.
async fn all(client: &Client, executor_type: &str, states: &[String]) -> anyhow::Result<Vec<v1::Executor>> {
    let (mut executors, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListExecutorsRequest {
            executor_type: executor_type.to_owned(),
            states: states.to_vec(),
            page_size: PAGE,
            page_token,
        };
        let page = client.list_executors(request).await?;
        executors.extend(page.executors);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(executors);
        }
    }
}

/// Reads the executors of a name, or of a key.
async fn named(client: &Client, who: &str, states: &[&str]) -> anyhow::Result<Vec<v1::Executor>> {
    let states: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
    let mut found = all(client, "", &states).await?;
    found.retain(|executor| executor.name == who || executor.key_id == who);
    if found.is_empty() {
        let what = states.join(" or ");
        let words = format!("no {}{}executor `{who}` in this colony", what, if what.is_empty() { "" } else { " " });
        return Err(Fault::new(Exit::NotFound, words).hint("`apiary executor list` shows them").into());
    }
    Ok(found)
}

/// Returns the only key among executors. Waiting executors choose their names themselves, so one name may belong to
/// several keys.
fn one_key(executors: &[v1::Executor]) -> anyhow::Result<Id> {
    let mut keys: Vec<&str> = executors.iter().map(|executor| executor.key_id.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.as_slice() {
        [key] => Ok(key.parse()?),
        several => Err(Fault::usage(format!("the name belongs to several keys: {}", several.join(", ")))
            .hint("compare with the executor's own (`apiary key id FILE`), and name the key")
            .into()),
    }
}
