//! `apiary webhook where`.

use apiary_adapters::sources::ALL;
use apiary_adapters::{EventName, Receiver, SpoolEntry, SpoolFilter};
use apiary_executor_sdk::v1;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use serde::Serialize;

use super::run::named;
use crate::commands::process::view::ProcessView;
use crate::commands::record::{self, RecordedEvent};
use crate::commands::spool;
use crate::context::Context;
use crate::exit::{Exit, Fault, words};
use crate::output::{Format, listing};
use crate::profile;
use crate::settings::Settings;

/// Processes of one event that are shown: an event has eight at most.
const PROCESSES_MAX: i32 = 20;

const EXAMPLES: &str = "\
Examples:
  apiary webhook where evt_1NG8Du2eZvKYlo2CUI79vXWy
  apiary webhook where stripe:live::evt_1NG8Du2eZvKYlo2CUI79vXWy --json

Looks into the adapter's spool (`webhook.spool`), asks the broker, and asks the state of record,
each as it is set where the command runs; on the machine of an `apiary up` all of them are. The
broker shows every process to a key with the right `read`. Exits with 5 if the event is in none of
the three, with 1 if it is in none that could be asked.";

/// Show where an event is: in the spool, with the broker as which processes, and in the state of record
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The sender's id of the event, or its name as shown by `apiary spool list`
    #[arg(value_name = "EVENT", value_parser = NonEmptyStringValueParser::new())]
    event: String,
    /// Print JSON; the same as --output json
    #[arg(long)]
    json: bool,
}

/// An event as the user names it.
struct Wanted {
    id: String,
    /// Source, mode and account, if the user gave more than the id.
    name: Option<EventName>,
}

/// The places of an event.
#[derive(Serialize)]
struct WhereOutput {
    event: String,
    spool: Place<spool::EventView>,
    broker: Place<ProcessView>,
    record: Place<RecordedEvent>,
}

/// Findings of one place.
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
            Err(error) => Self { found: Vec::new(), not_asked: Some(words(&error)) },
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
    // The spool first: an event leaves it after the broker has committed it, so that one on its way is not missed.
    let in_spool = in_spool(&wanted, context).await;
    let (at_broker, in_record) =
        tokio::join!(at_broker(&wanted, &context.settings), in_record(&wanted, &context.settings));
    let output = WhereOutput {
        event: wanted.id,
        spool: Place::of(in_spool),
        broker: Place::of(at_broker),
        record: Place::of(in_record),
    };
    let format = if arguments.json { Format::Json } else { context.format };
    format.print(&output, text)?;
    if output.is_found() {
        return Ok(());
    }
    let event = &arguments.event;
    let problem = match output.not_asked()[..] {
        [] => None,
        [one] => Some(format!("{one} could not be asked")),
        [one, other] => Some(format!("{one} and {other} could not be asked")),
        _ => Some("no place could be asked".to_owned()),
    };
    if let Some(problem) = problem {
        return Err(Fault::failure(format!("`{event}` was not found, but {problem}")).into());
    }
    let fault = Fault::new(Exit::NotFound, format!("no place has `{event}`: it never came, or it has no route"));
    let hint = "`apiary webhook routes` shows the types that went nowhere, the sender's own page its deliveries; \
                a key with `read_own` alone sees none of the adapter's processes";
    Err(fault.hint(hint).into())
}

impl Wanted {
    fn read(event: &str) -> Self {
        let name = EventName::read(event);
        Self { id: name.as_ref().map_or(event, |name| &name.id).to_owned(), name }
    }

    fn source(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.source.as_str())
    }

    /// Returns true for the mode and account in the name, or any without one.
    fn is_from(&self, livemode: Option<bool>, account: &str) -> bool {
        self.name.as_ref().is_none_or(|name| name.livemode == livemode && name.account == account)
    }
}

async fn in_spool(wanted: &Wanted, context: &Context) -> anyhow::Result<Vec<spool::EventView>> {
    let spool = spool::open(context).await?;
    let found = spool.entries(&SpoolFilter { id: Some(wanted.id.clone()), ..SpoolFilter::default() }).await;
    spool.close().await;
    let is_wanted = |one: &SpoolEntry| match &wanted.name {
        Some(_) => one.name() == wanted.name,
        None => one.name().is_some_and(|name| name.id == wanted.id),
    };
    Ok(found?.into_iter().filter(is_wanted).map(spool::EventView::from).collect())
}

async fn in_record(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<RecordedEvent>> {
    let mut found = record::events(wanted.source(), &wanted.id, settings).await?;
    found.retain(|one| wanted.is_from(Some(one.livemode), &one.account));
    Ok(found)
}

/// Asks for the processes that bear the event in the label of its source.
async fn at_broker(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<ProcessView>> {
    let client = profile::client(settings)?;
    let mut found = Vec::new();
    let is_wanted = |source: &str, process: &ProcessView| {
        let label = |name: &str| process.labels.get(name).map(String::as_str);
        let account = label(&format!("{source}_account")).unwrap_or_default();
        wanted.is_from(label("livemode").map(|live| live == "true"), account)
    };
    for source in sources(wanted, settings)? {
        let labels = [(format!("{source}_event"), wanted.id.clone())].into();
        let filter = Some(v1::ProcessFilter { labels, ..v1::ProcessFilter::default() });
        let mut request = v1::ListProcessesRequest { filter, page_size: PROCESSES_MAX, ..Default::default() };
        loop {
            let page = client.list_processes(request.clone()).await?;
            let is_empty = page.processes.is_empty();
            let processes = page.processes.into_iter().map(ProcessView::from);
            found.extend(processes.filter(|process| is_wanted(&source, process)));
            // A page may be empty, and the list go on.
            if page.next_page_token.is_empty() || !is_empty {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
    Ok(found)
}

/// Returns the names of every source, also of those that are closed here: their events may have come elsewhere.
fn sources(wanted: &Wanted, settings: &Settings) -> anyhow::Result<Vec<String>> {
    if let Some(source) = wanted.source() {
        return Ok(vec![source.to_owned()]);
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

fn text(output: &WhereOutput) -> String {
    let mut entries = Vec::new();
    let time = |at: Option<Timestamp>| at.map(|at| format!("{at:.0}")).unwrap_or_default();
    add(&mut entries, "spool", &output.spool, |one| {
        let at = time(one.received_at);
        match one.state {
            "waiting" => format!("{} waits for the broker since {at}", one.event),
            // The message of most refusals ends with the reason.
            _ if one.message.contains(&one.reason) => {
                format!("{} came {at}, and is set aside: {}", one.event, one.message)
            }
            _ => format!("{} came {at}, and is set aside: {} ({})", one.event, one.message, one.reason),
        }
    });
    add(&mut entries, "broker", &output.broker, |one| {
        let ProcessView { process_id, function, executor_type, state, .. } = one;
        let reason = if one.reason.is_empty() { String::new() } else { format!(", {}", one.reason) };
        let since = time(one.state_since);
        format!("process {process_id} ({function} for {executor_type}): {state} since {since}{reason}")
    });
    add(&mut entries, "record", &output.record, |one| {
        let mode = if one.livemode { "live" } else { "test" };
        let object = format!("{} {}", one.object_type, one.object_id);
        let words = match one.outcome.as_str() {
            "applied" => format!("applied to {object}"),
            "superseded" => format!("recorded, and changed nothing: {object} was newer"),
            other => format!("recorded, {other}: {}", one.reason),
        };
        format!("{words} at {}, in {mode} mode", time(one.received_at))
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
