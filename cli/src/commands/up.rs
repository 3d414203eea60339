//! `apiary up`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use apiary_adapters::sources::stripe::Stripe;
use apiary_adapters::{Source as _, WebhookConfig};
use apiary_bees::finance::file_in;
use apiary_bees::{ALL, Local};
use apiary_daemon::Supervisor;
use apiary_identity::Id;
use apiary_settings::{Setting, Value};
use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::bee::Equipment;
use super::broker::{door, executors, retention};
use super::webhook;
use crate::context::Context;
use crate::daemon::{self, Signals};
use crate::exit::{Fault, ReaderGone};
use crate::notify;
use crate::output::{STRONG, note, quoted, styled};
use crate::profile;
use crate::reload::Hangups;
use crate::room::open_with_room;
use crate::settings::{Settings, default_data_folder, table};
use crate::traces;
use crate::up::{Config, Folder, LocalColony, PROFILE, Ports};

/// Number of tries to start, if another program takes a port in between.
const TRIES_MAX: u32 = 20;

const EXAMPLES: &str = "\
Examples:
  apiary up
  apiary up --data ./colony
  STRIPE_WEBHOOK_SECRET=$(stripe listen --print-secret) apiary up";

/// Run a whole colony in one process, on SQLite: broker, webhook adapter, bees
///
/// The first start creates keys, the colony and its grants in the data folder; later ones reuse them. Ctrl-C stops it
/// in order.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Announcement {
    colony: Id,
    broker: String,
    socket: String,
    webhooks: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_webhooks: Vec<String>,
    /// `None` if the settings name a signing secret.
    signing_secret_file: Option<PathBuf>,
    record: PathBuf,
    data: PathBuf,
    profile: PathBuf,
    #[serde(rename = "try")]
    next: [String; 5],
}

pub(crate) async fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    // Invalid settings are reported before anything is waited for.
    let (webhook, equipment) = (webhook::config(settings)?, Equipment::of(settings)?);
    let collector = traces::open(settings)?;
    let (mut signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let has_terminal = std::io::stdin().is_terminal();
    let data = data_folder(settings)?;
    warn_of_unused(settings, &data);
    let start = async || start(settings, &data, &webhook, &equipment).await;
    let started = open_with_room("the colony", start);
    let Some(colony) = signals.unless(Box::pin(started)).await else { return Ok(()) };
    let colony = colony?;
    let notifier = match notify::open_in(settings, "up", colony.folder().path()) {
        Ok(notifier) => notifier,
        Err(error) => {
            colony.stop().await;
            return Err(error);
        }
    };
    if let Err(error) = colony.folder().announce(colony.webhook()) {
        // Other commands then look for the adapter at its default address.
        tracing::warn!(%error, "writing the webhook adapter's address to the data folder failed");
    }
    match context.format.print(&announcement(&colony, settings), text) {
        // A closed output does not stop the colony: others may be using it.
        Err(error) if error.is::<ReaderGone>() => {}
        Err(error) => {
            colony.stop().await;
            return Err(error);
        }
        Ok(()) => {}
    }
    let shutdown = CancellationToken::new();
    let supervisors = colony.supervisors();
    let notifier = colony.watched(settings).start(notifier, &supervisors[0]);
    let exporter = traces::start(collector, &supervisors[0]);
    let service = async {
        // A closed terminal ends the commands started in it.
        let follow_terminal = || {
            if has_terminal {
                shutdown.cancel();
            }
            has_terminal
        };
        let ended = tokio::select! {
            ended = colony.run(&shutdown, notifier) => ended,
            never = hangups.heed(context, follow_terminal) => match never {},
        };
        traces::stop(exporter).await;
        ended
    };
    // The future of a whole colony is large: it is kept off the stack.
    let is_well = || supervisors.iter().all(Supervisor::is_up);
    Box::pin(daemon::serve(signals, &shutdown, is_well, service)).await
}

/// Starts the colony; tries again if another program has taken a port in between.
async fn start(
    settings: &Settings,
    data: &Path,
    webhook: &WebhookConfig,
    equipment: &Equipment,
) -> anyhow::Result<LocalColony> {
    let mut tries = 0;
    loop {
        tries += 1;
        let folder = Folder::open(data)?;
        let ports = Ports::free(settings)?;
        let mut webhook = webhook.clone();
        webhook.listen = ports.webhook;
        let config = Config {
            broker: ports.broker,
            door: door(settings),
            retention: retention(settings),
            executors: executors(settings),
            settings: settings.values().clone(),
            equipment: equipment.clone(),
            webhook,
            has_remote_metrics: settings.flag(&table::METRICS_REMOTE),
        };
        match Box::pin(LocalColony::start(folder, config, profile::clock())).await {
            Err(error) if tries < TRIES_MAX && Ports::was_taken(&error) => {}
            started => return started,
        }
    }
}

fn data_folder(settings: &Settings) -> Result<PathBuf, Fault> {
    settings
        .path(&table::DATA)
        .or_else(default_data_folder)
        .ok_or_else(|| Fault::usage("there is no home folder for the data").hint("name a folder with --data DIR"))
}

/// Notes the settings that `apiary up` does not use: other databases, and places outside its folder.
fn warn_of_unused(settings: &Settings, data: &Path) {
    let of_bees = ALL.iter().flat_map(|bee| {
        let Local { set, unused } = bee.local(data);
        let is_other = |setting: &Setting, value: &Value| settings.text(setting) != value.text();
        let replaced = set.into_iter().filter(move |(setting, value)| is_other(setting, value));
        replaced.map(|(setting, _)| setting).chain(unused)
    });
    for setting in of_bees.chain([&table::BROKER_DATABASE_URL]) {
        if let Some(origin) = settings.origin(setting) {
            note(&format!(
                "note: {} ({origin}) is not used: `apiary up` keeps everything in SQLite, in its data folder; docs/running-apart.md shows more",
                setting.key
            ));
        }
    }
}

fn announcement(colony: &LocalColony, settings: &Settings) -> Announcement {
    let has_secret = settings.is_set(Stripe.secrets());
    let folder = colony.folder();
    let mut urls = colony.webhook_urls().into_iter();
    let first = urls.next().unwrap_or_default();
    let profile = folder.profile();
    // A secret that the user set must be set in the other terminal, too: it must not appear on a command line.
    let secret = if has_secret { "STRIPE_WEBHOOK_SECRET=whsec_… " } else { "" };
    let command = format!("{} --config {}", program(), quoted(&profile));
    Announcement {
        colony: colony.id(),
        broker: colony.broker().map(|address| format!("http://{address}")).unwrap_or_default(),
        socket: format!("unix:{}", folder.socket().display()),
        webhooks: first,
        other_webhooks: urls.collect(),
        signing_secret_file: (!has_secret).then(|| folder.signing_secret(&Stripe)),
        record: file_in(folder.path()),
        data: folder.path().to_owned(),
        profile,
        next: [
            format!("{secret}{command} webhook send customer.subscription.created"),
            format!("{command} record show"),
            format!("{command} process submit --type echo --function echo --args '{{\"hello\":\"world\"}}' --wait"),
            format!("{command} process verify latest"),
            format!("{command} doctor"),
        ],
    }
}

fn text(announcement: &Announcement) -> String {
    let Announcement {
        colony, broker, socket, webhooks, signing_secret_file, other_webhooks, record, data, next, ..
    } = announcement;
    let others: String = other_webhooks.iter().map(|url| format!("            {url}\n")).collect();
    let signed = match signing_secret_file {
        Some(path) => format!("signed with {}", path.display()),
        None => "signed with the secret that you set".to_owned(),
    };
    let mut text = format!("{} {colony}\n", styled(STRONG, "apiary is up: colony local"));
    let _ = write!(
        text,
        "  broker    {broker}\n            {socket}\n  webhooks  {webhooks}\n            {signed}\n{others}  rows      {}\n  data      {} ({PROFILE}, keys/)\n\n\
         Try next, in another terminal:\n",
        record.display(),
        data.display(),
    );
    for command in next {
        let _ = writeln!(text, "  {command}");
    }
    text.push_str("\nCtrl-C stops it. Below, a line for each process; -q leaves them out.");
    text
}

/// Returns the command that starts this program in another terminal: its name if the shell finds it, else its path.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "apiary".to_owned() };
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        let found = std::env::split_paths(&path).map(|folder| folder.join("apiary")).find(|file| file.is_file());
        found.and_then(|file| file.canonicalize().ok()) == own.canonicalize().ok()
    });
    if on_path { "apiary".to_owned() } else { quoted(&own) }
}
