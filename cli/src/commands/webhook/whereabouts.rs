//! `apiary webhook where`.

use apiary_adapters::sources::ALL;
use apiary_adapters::{Receiver, SpoolFilter};
use apiary_executor_sdk::v1;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::run::named;
use crate::commands::process::view::ProcessView;
use crate::commands::{record, spool};
use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::output::{Format, listing, note};
use crate::profile;
use crate::settings::Settings;

/// Processes of one event that are shown: an event has eight at most.
const PROCESSES_MAX: i32 = 20;

const EXAMPLES: &str = "\
Examples:
  apiary webhook where evt_1NG8Du2eZvKYlo2CUI79vXWy
  apiary webhook where stripe:live::evt_1NG8Du2eZvKYlo2CUI79vXWy --json

Looks into the adapter's spool (`webhook.spool`), asks the broker, and asks the state of record, each as it is set where
the command runs; on the machine of an `apiary up` all of them are. Exits with 5 if the event is in none of them.";

/// Show where an event is: in the spool, with the broker as which processes, and in the state of record
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The sender's id of the event, or its name as shown by `apiary spool list`
    #[arg(value_name = "EVENT")]
    event: String,
    /// Print JSON; the same as --output json
    #[arg(long)]
    json: bool,
}

/// An event as it is named.
struct Wanted {
    /// Only of this source, if the name says it.
    source: Option<String>,
    id: String,
}

/// The places of an event.
#[derive(Serialize)]
struct WhereOutput {
    event: String,
    spool: Place<spool::EventView>,
    broker: Place<ProcessView>,
    record: Place<Map<String, Value>>,
}

/// What one place has of the event.
#[derive(Serialize)]
struct Place<T> {
    found: Vec<T>,
    /// The reason why the place was not asked, or gave no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_asked: Option<String>,
}

impl<T> Place<T> {
    fn of(answer: anyhow::Result<Vec<T>>) -> Self {
        match answer {
            Ok(found) => Self { found, not_asked: None },
            Err(error) => Self { found: Vec::new(), not_asked: Some(format!("{error:#}")) },
        }
    }
}

impl WhereOutput {
    fn is_found(&self) -> bool {
        !self.spool.found.is_empty() || !self.broker.found.is_empty() || !self.record.found.is_empty()
    }

    fn not_asked(&self) -> Vec<&'static str> {
        let places = [
            ("the spool", &self.spool.not_asked),
            ("the broker", &self.broker.not_asked),
            ("the state of record", &self.record.not_asked),
        ];
        places.into_iter().filter(|(_, reason)| reason.is_some()).map(|(place, _)| place).collect()
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let wanted = Wanted::read(&arguments.event);
    let output = WhereOutput {
        event: wanted.id.clone(),
        spool: Place::of(in_spool(&wanted, context).await),
        broker: Place::of(at_broker(&wanted, &context.settings).await),
        record: Place::of(in_record(&wanted, &context.settings).await),
    };
    let format = if arguments.json { Format::Json } else { context.format };
    format.print(&output, text)?;
    if output.is_found() {
        return Ok(());
    }
    let (event, not_asked) = (&arguments.event, output.not_asked());
    if !not_asked.is_empty() {
        let words = format!("`{event}` is in no place that was asked; {} could not be asked", not_asked.join(" and "));
        return Err(Fault::failure(words).into());
    }
    let fault = Fault::new(Exit::NotFound, format!("no place has `{event}`: it never came, or it has no route"));
    if format == Format::Text {
        note("`apiary webhook routes` shows the types that went nowhere; the sender's own page shows its deliveries");
    }
    Err(fault.into())
}

impl Wanted {
    fn read(event: &str) -> Self {
        match event.split(':').collect::<Vec<_>>()[..] {
            [source, _, _, id, ..] => Self { source: Some(source.to_owned()), id: id.to_owned() },
            _ => Self { source: None, id: event.to_owned() },
        }
    }

    fn may_be_of(&self, source: &str) -> bool {
        self.source.as_deref().is_none_or(|only| only == source)
    }
}

async fn in_spool(wanted: &Wanted, context: &Context) -> anyhow::Result<Vec<spool::EventView>> {
    let spool = spool::open(context).await?;
    let found = spool.entries(&SpoolFilter { key_part: Some(wanted.id.clone()), ..SpoolFilter::default() }).await;
    spool.close().await;
    let found = found?.into_iter().filter(|one| one.is_of(wanted.source.as_deref(), &wanted.id));
    Ok(found.map(spool::EventView::from).collect())
}

/// Asks for the processes that bear the event in the label of its source.
async fn at_broker(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<ProcessView>> {
    let client = profile::client(settings)?;
    let mut found = Vec::new();
    for source in sources(wanted, settings)? {
        let labels = [(format!("{source}_event"), wanted.id.clone())].into();
        let filter = v1::ProcessFilter { labels, ..v1::ProcessFilter::default() };
        let mut page_token = String::new();
        loop {
            let request =
                v1::ListProcessesRequest { filter: Some(filter.clone()), page_size: PROCESSES_MAX, page_token };
            let page = client.list_processes(request).await?;
            found.extend(page.processes.into_iter().map(ProcessView::from));
            page_token = page.next_page_token;
            // A page may be empty, and the list go on.
            if page_token.is_empty() || !found.is_empty() {
                break;
            }
        }
    }
    Ok(found)
}

/// Returns the names of every source, also of those that are closed here: their events may have come elsewhere.
fn sources(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<String>> {
    if let Some(source) = &wanted.source {
        return Ok(vec![source.clone()]);
    }
    let mut names = Vec::new();
    for source in ALL {
        // Senders of several are known by their settings only.
        if !source.has_names() {
            names.push(source.name().to_owned());
        } else if settings.is_set(source.secrets()) {
            let receivers = Receiver::open(*source, settings).map_err(named)?;
            names.extend(receivers.iter().map(|receiver| receiver.routes.source().to_owned()));
        }
    }
    Ok(names)
}

/// Asks for the event's row; only Stripe's events have one.
async fn in_record(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<Map<String, Value>>> {
    if !wanted.may_be_of("stripe") {
        return Ok(Vec::new());
    }
    let record = record::open(settings).await?;
    let found = record.events(&wanted.id).await;
    record.close().await;
    Ok(found?)
}

fn text(output: &WhereOutput) -> String {
    let mut entries = Vec::new();
    add(&mut entries, "spool", &output.spool, |one| {
        let at = one.received_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        match one.state {
            "waiting" => format!("{} waits for the broker since {at}", one.event),
            _ => format!("{} came {at}, and is set aside: {} ({})", one.event, one.message, one.reason),
        }
    });
    add(&mut entries, "broker", &output.broker, |one| {
        let reason = if one.reason.is_empty() { String::new() } else { format!(": {}", one.reason) };
        format!("process {} is {}, {} for {}{reason}", one.process_id, one.state, one.function, one.executor_type)
    });
    add(&mut entries, "record", &output.record, |row| {
        let column = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_live = matches!(row.get("livemode"), Some(Value::Bool(true))) || row.get("livemode") == Some(&1.into());
        let mode = if is_live { "live" } else { "test" };
        let object = format!("{} {}", column("object_type"), column("object_id"));
        let words = match column("outcome") {
            "applied" => format!("applied to {object}"),
            "superseded" => format!("recorded, and changed nothing: {object} was newer"),
            other => format!("recorded, {other}: {}", column("reason")),
        };
        format!("{words} at {}, in {mode} mode", column("received_at"))
    });
    listing(entries)
}

/// Adds a line for each thing that a place has; one if it has none, or was not asked.
fn add<T>(entries: &mut Vec<(String, String)>, name: &str, place: &Place<T>, line: impl Fn(&T) -> String) {
    match &place.not_asked {
        Some(reason) => entries.push((name.to_owned(), format!("not asked: {reason}"))),
        None if place.found.is_empty() => entries.push((name.to_owned(), "not there".to_owned())),
        None => entries.extend(place.found.iter().map(|one| (name.to_owned(), line(one)))),
    }
}
