//! `apiary webhook`, the adapter itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use apiary_adapters::sources::ALL;
use apiary_adapters::{OutboxConfig, Receiver, Source, StartError, Webhook, WebhookConfig, WebhookLimits};
use apiary_settings::{Value, Values};
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::{coverage, outbox_sql, routes, send, whereabouts};
use crate::context::Context;
use crate::daemon::{self, Signals};
use crate::exit::Fault;
use crate::notify::{self, Watched};
use crate::output::note;
use crate::profile;
use crate::reload::Hangups;
use crate::room::open_with_room;
use crate::settings::{Flags, Settings, table};
use crate::traces;

const EXAMPLES: &str = "\
Examples:
  STRIPE_WEBHOOK_SECRET=whsec_… apiary webhook --key-file stripe-adapter.pem
  STRIPE_WEBHOOK_SECRET=whsec_… apiary webhook --listen 127.0.0.1:7421 --set webhook.spool=/var/lib/apiary/spool
  apiary webhook send invoice.paid     # to try it out
  apiary webhook routes                # what goes where, and what came
  apiary webhook where evt_1           # where an event is now";

/// Run the webhook adapter, until SIGTERM or Ctrl-C; or send a test event, or show where events go and where one is
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Address for webhooks, in plain HTTP behind a proxy that speaks TLS; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Send(Box<send::Arguments>),
    Routes(routes::Arguments),
    Where(whereabouts::Arguments),
    OutboxSql(outbox_sql::Arguments),
}

impl Arguments {
    pub(crate) fn flags(&self, flags: &mut Flags) {
        flags.add(&table::WEBHOOK_LISTEN, self.listen.clone());
    }

    /// Returns true if the adapter itself is to run.
    pub(crate) fn is_adapter(&self) -> bool {
        self.command.is_none()
    }

    /// Returns true if `--set` may mean a field of an event.
    pub(crate) fn takes_fields(&self) -> bool {
        matches!(self.command, Some(Command::Send(_)))
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    match &arguments.command {
        Some(Command::Send(arguments)) => send::run(arguments, context).await,
        Some(Command::Routes(arguments)) => routes::run(arguments, context).await,
        Some(Command::Where(arguments)) => whereabouts::run(arguments, context).await,
        Some(Command::OutboxSql(arguments)) => outbox_sql::run(arguments),
        None => run_adapter(context).await,
    }
}

async fn run_adapter(context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let mut config = config(settings)?;
    config.receivers = receivers(settings)?;
    if config.receivers.is_empty() && config.outbox.is_none() {
        let (keys, advice): (Vec<_>, Vec<_>) =
            ALL.iter().map(|source| (format!("`{}`", source.secrets().key), source.advice())).unzip();
        let advice = format!("{}; or, for an outbox, set `webhook.outbox_database_url`", advice.join("; or "));
        return Err(Fault::usage(format!("{} is not set", keys.join(" or "))).hint(advice).into());
    }
    warn_of_closed(settings);
    let notifier = notify::open(settings, "webhook")?;
    let collector = traces::open(settings)?;
    let client = profile::client(settings)?;
    let (mut signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let client = Arc::new(client);
    let start = async || {
        let supervisor = profile::supervisor(settings);
        let webhook = Webhook::start(config.clone(), client.clone(), &supervisor, profile::clock()).await;
        webhook.map(|webhook| (webhook, supervisor)).map_err(named)
    };
    let Some(started) = signals.unless(open_with_room("the spool", start)).await else { return Ok(()) };
    let (webhook, supervisor) = started?;
    note(&format!("ready: {}", doors(webhook.address(), &config)));
    let watched = Watched::default().tasks(&supervisor).spool(webhook.spool_reader());
    let notifier = watched.upstream((*client).clone(), false).start(notifier, &supervisor);
    let exporter = traces::start(collector, &supervisor);
    let shutdown = CancellationToken::new();
    let service = async {
        let notices = supervisor.notices().clone();
        let ended = tokio::select! {
            ended = daemon::until(&shutdown, supervisor.failed()) => ended,
            never = hangups.heed(context, || false) => match never {},
            never = coverage::watch(&client, &config, &notices) => match never {},
        };
        notify::stop(notifier).await;
        webhook.stop().await;
        traces::stop(exporter).await;
        ended
    };
    daemon::serve(signals, &shutdown, || supervisor.is_up(), service).await
}

/// Warns of sources that are set up in part: without secrets they are closed.
fn warn_of_closed(settings: &Settings) {
    for source in ALL.iter().filter(|source| !settings.is_set(source.secrets())) {
        if let Some(set) = source.settings().iter().find(|setting| settings.is_set(setting)) {
            let (setting, secrets) = (set.key, source.secrets().key);
            tracing::warn!(
                setting,
                "a source of webhooks is closed, because `{secrets}` is not set: {}",
                source.advice()
            );
        }
    }
}

/// Names what work comes through.
fn doors(address: SocketAddr, config: &WebhookConfig) -> String {
    let urls = urls(address, &config.receivers);
    let webhooks = (!urls.is_empty()).then(|| format!("webhooks on {}", urls.join(", ")));
    let outbox = config.outbox.is_some().then(|| format!("an outbox; health on http://{address}/healthz"));
    webhooks.into_iter().chain(outbox).collect::<Vec<_>>().join("; ")
}

/// Opens every source whose secrets are set.
pub(crate) fn receivers(settings: &Settings) -> anyhow::Result<Vec<Receiver>> {
    let mut receivers = Vec::new();
    for source in ALL.iter().filter(|source| settings.is_set(source.secrets())) {
        receivers.extend(Receiver::open(*source, settings).map_err(named)?);
    }
    Ok(receivers)
}

/// Opens a source with this secret, in place of one that is not set; `from` is where the secret comes from.
pub(crate) fn receivers_with(
    source: &dyn Source,
    settings: &Values,
    secret: &str,
    from: &Path,
) -> Result<Vec<Receiver>, StartError> {
    let secrets = (source.secrets(), Value::List(vec![secret.to_owned()]));
    Receiver::open(source, &settings.with(vec![secrets], from))
}

/// Returns the URL of each source, for an adapter at this address.
pub(crate) fn urls(address: SocketAddr, receivers: &[Receiver]) -> Vec<String> {
    receivers.iter().map(|receiver| format!("http://{address}{}", receiver.endpoint.path())).collect()
}

/// Builds the configuration from the settings, without the sources.
pub(crate) fn config(settings: &Settings) -> anyhow::Result<WebhookConfig> {
    let Some(listen) = settings.socket(&table::WEBHOOK_LISTEN) else {
        return Err(Fault::usage("`webhook.listen` is not set").into());
    };
    let spool = settings.path(&table::WEBHOOK_SPOOL).unwrap_or_default();
    let mut config = WebhookConfig::new(listen, Vec::new(), spool);
    config.outbox = OutboxConfig::read(settings).map_err(named)?;
    config.allow_plaintext = settings.flag(&table::WEBHOOK_ALLOW_PLAINTEXT);
    config.trusted_proxies = settings.proxies(&table::WEBHOOK_TRUSTED_PROXIES);
    let size = |setting| usize::try_from(settings.integer(setting)).unwrap_or(usize::MAX);
    config.limits = WebhookLimits {
        body_bytes_max: size(&table::WEBHOOK_BODY_BYTES_MAX),
        connections_max: daemon::connections_with_files(
            &table::WEBHOOK_CONNECTIONS_MAX,
            size(&table::WEBHOOK_CONNECTIONS_MAX),
        ),
        connections_per_peer_max: size(&table::WEBHOOK_CONNECTIONS_PER_PEER_MAX),
        spool_events_max: settings.integer(&table::WEBHOOK_SPOOL_EVENTS_MAX),
        spool_bytes_max: settings.integer(&table::WEBHOOK_SPOOL_BYTES_MAX),
        ..WebhookLimits::default()
    };
    Ok(config)
}

/// Renames the adapter's setting in an error to its name here.
pub(crate) fn named(error: StartError) -> anyhow::Error {
    match error {
        StartError::Setting { setting, problem } => {
            let problem = problem.replace("`allow_plaintext`", "`webhook.allow_plaintext`");
            let name = setting.strip_prefix("webhook.").unwrap_or(setting);
            Fault::usage(format!("`webhook.{name}` {problem}")).into()
        }
        other => other.into(),
    }
}
