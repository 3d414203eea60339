//! `apiary notify list`.

use std::path::PathBuf;

use anyhow::Context as _;
use apiary_notify::{NotifyConfig, OpenFinding, Overview, STATE_FOLDER, overview};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::output::{counted, table};
use crate::settings::Settings;
use crate::up;

const EXAMPLES: &str = "\
Examples:
  apiary notify list
  sudo -u apiary apiary notify list --set notify.state_folder=/var/lib/apiary-broker
  apiary notify list -o json | jq '.parts[].open[] | select(.told == null)'";

/// Show where notifications go, and what is open in the parts whose state is on this machine
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Listing {
    targets: Vec<Target>,
    state_folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Target {
    target: &'static str,
    place: String,
}

#[derive(Serialize)]
struct Part {
    part: String,
    open: Vec<Open>,
    waiting: std::collections::BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Open {
    colony: String,
    kind: String,
    subject: String,
    text: String,
    count: i64,
    since: Option<Timestamp>,
    /// The time at which it was sent; `None` if it was not, yet.
    told: Option<Timestamp>,
}

pub(crate) fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let config = NotifyConfig::read(settings)?;
    let places = config.map(|config| config.places()).unwrap_or_default();
    let state_folder = folder(settings);
    let parts = overview(&state_folder).with_context(|| state_folder.display().to_string())?;
    let listing = Listing {
        targets: places.into_iter().map(|(target, place)| Target { target, place }).collect(),
        state_folder,
        parts: parts.into_iter().map(part).collect(),
    };
    context.format.print(&listing, text)
}

/// Returns the folder of the state: that of `apiary up`, if one has run with these settings.
fn folder(settings: &Settings) -> PathBuf {
    let of_up = up::data_folder(settings).filter(|_| !settings.is_set(&STATE_FOLDER));
    let of_up = of_up.filter(|folder| !overview(folder).unwrap_or_default().is_empty());
    of_up.unwrap_or_else(|| NotifyConfig::folder(settings))
}

fn part(overview: Overview) -> Part {
    let Overview { part, open, waiting } = overview;
    let open = open.into_iter().map(|finding| {
        let OpenFinding { colony, kind, subject, text, count, since_ms, told_ms } = finding;
        let time = |ms| Timestamp::from_millisecond(ms).ok();
        Open { colony, kind, subject, text, count, since: time(since_ms), told: told_ms.and_then(time) }
    });
    Part { part, open: open.collect(), waiting }
}

fn text(listing: &Listing) -> String {
    let mut blocks = Vec::new();
    blocks.push(if listing.targets.is_empty() {
        "nothing is sent: set `notify.smtp_url`, `notify.slack_url`, `notify.discord_url`, `notify.webhook_url` or \
         `notify.ping_url`"
            .to_owned()
    } else {
        table(&["target", "place"], listing.targets.iter().map(|one| vec![one.target.to_owned(), one.place.clone()]))
    });
    if listing.parts.is_empty() {
        blocks.push(format!("no part has a state in {}", listing.state_folder.display()));
    }
    for part in &listing.parts {
        blocks.push(of_part(part));
    }
    blocks.join("\n\n")
}

fn of_part(part: &Part) -> String {
    let open = i64::try_from(part.open.len()).unwrap_or(i64::MAX);
    let mut head = format!("{}: {}", part.part, counted(open, "finding is open", "findings are open"));
    for (target, messages) in &part.waiting {
        let messages = i64::try_from(*messages).unwrap_or(i64::MAX);
        head = format!("{head}; {} for {target}", counted(messages, "message waits", "messages wait"));
    }
    if part.open.is_empty() {
        return head;
    }
    let time = |time: Option<Timestamp>| time.map_or_else(|| "not yet".to_owned(), |time| format!("{time:.0}"));
    let row = |open: &Open| {
        let colony = if open.colony.is_empty() { "-".to_owned() } else { open.colony.clone() };
        vec![open.kind.clone(), colony, open.subject.clone(), time(open.since), time(open.told), open.text.clone()]
    };
    format!("{head}\n{}", table(&["kind", "colony", "subject", "since", "sent", "text"], part.open.iter().map(row)))
}
