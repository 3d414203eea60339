//! `apiary executor register`.

use std::path::Path;

use apiary_executor_sdk::v1;
use clap::Args;

use super::view::ExecutorView;
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary executor register --type finance --name finance-2 --key-file finance-2.pem
  apiary executor register --type shop --name shop-1 --function order.ship=order.schema.json";

/// Register your key as an executor. Without a grant, the executor then waits for approval
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Type of the executor
    #[arg(long = "type", value_name = "TYPE")]
    executor_type: String,
    /// Requested name; with a grant, the grant's name is used
    #[arg(long)]
    name: String,
    /// A function of the executor, and the file with the JSON Schema of its arguments; may be given several times
    #[arg(long = "function", value_name = "FUNCTION[=FILE]")]
    functions: Vec<String>,
    /// Version of the executor, for information
    #[arg(long = "with-version", value_name = "VERSION", default_value = "", hide_default_value = true)]
    version: String,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let functions = arguments.functions.iter().map(|text| function(text)).collect::<Result<_, _>>()?;
    let request = v1::RegisterExecutorRequest {
        executor_type: arguments.executor_type.clone(),
        name: arguments.name.clone(),
        offer: None,
        functions,
        version: arguments.version.clone(),
        slots: 0,
    };
    let executor = profile::client(&context.settings)?.register_executor(request).await?;
    context.format.print(&ExecutorView::from(executor), ExecutorView::text)
}

fn function(text: &str) -> Result<v1::AnnouncedFunction, Fault> {
    let (name, args_schema) = match text.split_once('=') {
        None => (text, String::new()),
        Some((name, file)) => {
            let schema = std::fs::read_to_string(Path::new(file))
                .map_err(|error| Fault::new(Exit::NotFound, format!("{file}: {error}")))?;
            (name, schema)
        }
    };
    Ok(v1::AnnouncedFunction { name: name.to_owned(), description: String::new(), args_schema })
}
