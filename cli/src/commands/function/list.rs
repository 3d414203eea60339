//! `apiary function list`.

use std::time::Duration;

use apiary_executor_sdk::v1;
use clap::Args;
use serde::Serialize;

use crate::arguments::{duration, millis};
use crate::commands::executor::FunctionView;
use crate::context::Context;
use crate::output::{Format, note, table};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  apiary function list
  apiary function list --type finance --window 1h
  apiary function list -o json | jq '.[] | {name, args_schema}'";

/// List the functions that executors announce, with statistics. Needs the right `read`
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only functions of this executor type
    #[arg(long = "type", value_name = "TYPE", default_value = "", hide_default_value = true)]
    executor_type: String,
    /// Statistics of processes that finished in this time, up to 30 days
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration)]
    window: Duration,
}

#[derive(Serialize)]
struct Row {
    executor_type: String,
    #[serde(flatten)]
    function: FunctionView,
    executors: Vec<String>,
    count: i64,
    succeeded: i64,
    /// Absent if no process finished.
    wait_ms: Option<Spread>,
    /// Absent if no process finished.
    run_ms: Option<Spread>,
    /// True if further processes finished in the window: only the last ones of the colony count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_partial: bool,
}

#[derive(Serialize)]
struct Spread {
    min: i64,
    mean: i64,
    max: i64,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let request = v1::ListFunctionsRequest {
        executor_type: arguments.executor_type.clone(),
        window_ms: millis(arguments.window).max(1),
    };
    let found = profile::client(&context.settings)?.list_functions(request).await?;
    let rows: Vec<Row> = found.into_iter().map(Row::from).collect();
    context.format.print(&rows, |rows| text(rows))?;
    if rows.iter().any(|row| row.is_partial) && context.format == Format::Text {
        note("more processes finished in this time: the numbers are of the last ones, at most 2000 of all functions");
    }
    Ok(())
}

impl From<v1::FunctionRecord> for Row {
    fn from(record: v1::FunctionRecord) -> Self {
        let did = record.statistics.unwrap_or_default();
        let spread = |[min, mean, max]: [i64; 3]| (did.count > 0).then_some(Spread { min, mean, max });
        Self {
            executor_type: record.executor_type,
            function: record.function.unwrap_or_default().into(),
            executors: record.executors,
            count: did.count,
            succeeded: did.succeeded,
            wait_ms: spread([did.wait_ms_min, did.wait_ms_mean, did.wait_ms_max]),
            run_ms: spread([did.run_ms_min, did.run_ms_mean, did.run_ms_max]),
            is_partial: did.is_partial,
        }
    }
}

fn text(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let spread = |spread: &Option<Spread>| match spread {
            None => "-".to_owned(),
            Some(spread) => format!("{}/{}/{}", spread.min, spread.mean, spread.max),
        };
        vec![
            row.executor_type.clone(),
            row.function.name.clone(),
            row.executors.join(" "),
            row.count.to_string(),
            row.succeeded.to_string(),
            spread(&row.wait_ms),
            spread(&row.run_ms),
            row.function.description.clone(),
        ]
    });
    table(&["type", "function", "executors", "finished", "succeeded", "wait ms", "run ms", "does"], cells)
}
