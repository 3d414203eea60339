//! `apiary webhook routes`.

use std::fmt::Write as _;
use std::time::Duration;

use apiary_adapters::sources::ALL;
use apiary_adapters::{Receiver, RouteLine, RouteTable, TrafficReport, TypeTraffic};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::run::{named, receivers_with};
use crate::context::Context;
use crate::output::{Format, counted, note, table};
use crate::settings::Settings;
use crate::up;

/// Time limit for the answer of an adapter that runs.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Secret of a source whose routes are shown although it has none; it is used for nothing.
const NO_SECRET: &str = "none";

const EXAMPLES: &str = "\
Examples:
  apiary webhook routes
  apiary webhook routes --source stripe
  apiary webhook routes --json | jq '.came[] | select(.nowhere > 0)'

What came is read from the adapter's spool (`webhook.spool`, or that of the `apiary up` whose --data or --config is
given), as a user who may read it.";

/// Show where events go, what came, and what went nowhere
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only this source, or this sender of several
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Print JSON; the same as --output json
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RoutesOutput {
    routes: Vec<RouteView>,
    /// Lines that take types away from a bee that ships, in words.
    warnings: Vec<String>,
    /// Events that came, by source and type; `None` if no adapter has counted anything in this spool yet.
    came: Option<Vec<TrafficView>>,
    /// Start of the counts, and their last change.
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// True if an adapter answers on this machine now.
    adapter_answers: bool,
}

#[derive(Serialize)]
struct RouteView {
    #[serde(flatten)]
    line: RouteLine,
    /// True if the source's secrets are set, so that requests are accepted.
    open: bool,
}

#[derive(Serialize)]
struct TrafficView {
    source: String,
    #[serde(rename = "type")]
    kind: String,
    events: u64,
    nowhere: u64,
    ignored: u64,
    to: Vec<String>,
    last: Option<Timestamp>,
    nowhere_last: Option<Timestamp>,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let is_shown = |name: &str| arguments.source.as_deref().is_none_or(|only| only == name);
    let (mut routes, mut warnings) = (Vec::new(), Vec::new());
    for (table, open) in tables(settings)?.iter().filter(|(table, _)| is_shown(table.source())) {
        routes.extend(table.lines().map(|line| RouteView { line, open: *open }));
        warnings.extend(table.shadowing());
    }
    let folder = up::spool(settings);
    let report = TrafficReport::read(&folder)?;
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let output = RoutesOutput {
        routes,
        warnings,
        since: report.as_ref().and_then(|report| time(report.since_ms)),
        until: report.as_ref().and_then(|report| time(report.until_ms)),
        came: report.map(|report| views(report).into_iter().filter(|view| is_shown(&view.source)).collect()),
        adapter_answers: adapter_answers(settings).await,
    };
    let format = if arguments.json { Format::Json } else { context.format };
    format.print(&output, text)?;
    for warning in &output.warnings {
        note(&format!("warning: {warning}"));
    }
    match (&output.came, output.adapter_answers) {
        (None, _) => note(&format!(
            "note: no adapter has counted anything in {}; name its spool with `--set webhook.spool=DIR`, or the data folder \
             of a local colony with --data",
            folder.display()
        )),
        (Some(_), false) => note("note: no adapter answers on this machine now; the counts are those of the last one"),
        (Some(_), true) => {}
    }
    Ok(())
}

/// Returns the routes of every source, also of those that are not open; true for those that are.
fn tables(settings: &Settings) -> anyhow::Result<Vec<(RouteTable, bool)>> {
    let mut tables = Vec::new();
    for source in ALL {
        let open = settings.is_set(source.secrets());
        // Senders of several are known by their secrets and descriptions only.
        if !open && source.has_names() {
            continue;
        }
        let receivers = match open {
            true => Receiver::open(*source, settings),
            false => receivers_with(*source, settings, NO_SECRET, &up::spool(settings)),
        };
        tables.extend(receivers.map_err(named)?.into_iter().map(|receiver| (receiver.routes, open)));
    }
    Ok(tables)
}

fn views(report: TrafficReport) -> Vec<TrafficView> {
    let view = |source: &str, kind: String, of_type: TypeTraffic| TrafficView {
        source: source.to_owned(),
        kind,
        events: of_type.events,
        nowhere: of_type.nowhere,
        ignored: of_type.ignored,
        to: of_type.to,
        last: Timestamp::from_millisecond(of_type.last_ms).ok(),
        nowhere_last: of_type.nowhere_last_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
    };
    let sources = report.sources.into_iter();
    sources.flat_map(|(source, types)| types.into_iter().map(move |(kind, one)| view(&source, kind, one))).collect()
}

/// Returns true if something answers at the adapter's address.
async fn adapter_answers(settings: &Settings) -> bool {
    let Ok(address) = up::webhook_address(settings) else { return false };
    let Ok(http) = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build() else { return false };
    http.get(format!("http://{address}/readyz")).send().await.is_ok()
}

fn text(output: &RoutesOutput) -> String {
    let rows = output.routes.iter().map(|RouteView { line, open }| {
        let also = if line.also { "also " } else { "" };
        let target = line.target.as_ref().map_or("(ignored)".to_owned(), |target| format!("{also}{target}"));
        let closed = if *open { "" } else { ", closed: no secret" };
        vec![
            line.source.clone(),
            line.pattern.clone(),
            target,
            line.priority.to_string(),
            format!("{}{closed}", line.origin),
        ]
    });
    let mut text = table(&["source", "pattern", "target", "priority", "line"], rows);
    let Some(came) = &output.came else { return text };
    if came.is_empty() {
        text.push_str("\n\nnothing has come yet");
        return text;
    }
    let at = |time: Option<Timestamp>| time.map_or("-".to_owned(), |time| format!("{time:.0}"));
    let rows = came.iter().map(|view| {
        let nowhere =
            if view.nowhere > 0 { format!("{}, last {}", view.nowhere, at(view.nowhere_last)) } else { "-".into() };
        let to = if view.to.is_empty() { "-".to_owned() } else { view.to.join(" ") };
        let number = counted(i64::try_from(view.events).unwrap_or(i64::MAX), "event", "events");
        vec![view.source.clone(), view.kind.clone(), number, at(view.last), to, nowhere]
    });
    let came = table(&["source", "type", "came", "last", "went to", "went nowhere"], rows);
    let _ = write!(text, "\n\nsince {}:\n{came}", at(output.since));
    text
}
