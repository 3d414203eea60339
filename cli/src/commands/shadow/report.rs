//! `apiary shadow report`.

use apiary_bees::finance::limits::SHADOW_SHOWN_MAX;
use apiary_bees::finance::shadow::{DifferentRow, ShadowFinding, ShadowReport, TableReport};
use clap::Args;

use super::Map;
use crate::arguments::{Past, whole};
use crate::context::Context;
use crate::exit::{Exit, Quiet};
use crate::output::{Format, Progress, note, plain, table};
use crate::profile;

const EXAMPLES: &str = "\
Examples:
  DATABASE_URL=postgres://… apiary shadow report --map shadow.toml
  apiary shadow report --map shadow.toml --since 2h
  apiary shadow report --map shadow.toml --json | jq '.tables[].rows[].key'

Changes nothing but `apiary.shadow`, a table that remembers since when reports are clean. Exits with 1 \
if a settled row differs.";

/// Compare the old tables with the state of record, row by row, in one Postgres
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    map: Map,
    /// Only rows changed from this time on: RFC 3339, or back from now, such as 2h; such a report does not count for a
    /// cutover
    #[arg(long, value_name = "TIME", value_parser = Past::read)]
    since: Option<Past>,
    /// Most differing rows of a table to list; all are counted
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<u32>(0, SHADOW_SHOWN_MAX.into()))]
    show: u32,
    /// Print JSON; the same as --output json
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let since = arguments.since.map(|since| since.at(profile::clock().now()));
    let format = if arguments.json { Format::Json } else { context.format };
    let progress = Progress::start("comparing tables", format);
    let report = arguments.map.run(context, async |shadow| shadow.report(since, arguments.show).await).await?;
    drop(progress);
    format.print(&report, text)?;
    if let Some(why) = &report.not_remembered {
        note(&format!("this report is not remembered, and does not count for a cutover: {why}"));
    }
    if report.clean { Ok(()) } else { Err(Quiet(Exit::Failure).into()) }
}

fn text(report: &ShadowReport) -> String {
    const HEAD: [&str; 8] =
        ["old table", "record", "agree", "differ", "only old", "only record", "not settled", "clean for"];
    let mut text = table(&HEAD, report.tables.iter().map(counts));
    let rows: Vec<Vec<String>> =
        report.tables.iter().flat_map(|one| one.rows.iter().map(|found| row(one, found))).collect();
    if !rows.is_empty() {
        text = format!("{text}\n\n{}", table(&["old table", "key", "finding", "columns", "likely cause"], rows));
    }
    text
}

fn counts(one: &TableReport) -> Vec<String> {
    let numbers = [one.agreed, one.different, one.only_old, one.only_record, one.unsettled];
    let names = [one.old.clone(), one.record.to_owned()];
    let clean = one.clean_for_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    names.into_iter().chain(numbers.map(|number| number.to_string())).chain([clean]).collect()
}

fn row(one: &TableReport, found: &DifferentRow) -> Vec<String> {
    let finding = match found.finding {
        ShadowFinding::Different => "differs",
        ShadowFinding::OnlyOld => "only old",
        ShadowFinding::OnlyRecord => "only record",
    };
    vec![
        one.old.clone(),
        found.key.as_deref().map_or_else(|| "(empty)".to_owned(), plain),
        finding.to_owned(),
        found.columns.join(", "),
        found.cause.clone().unwrap_or_default(),
    ]
}
