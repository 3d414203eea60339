//! `apiary broker`.

use std::path::PathBuf;
use std::time::Duration;

use apiary_broker::config::{
    Config, DoorConfig, ExecutorsConfig, ListenConfig, RetentionConfig, StoreConfig, TlsConfig,
};
use apiary_broker::{Broker, back_up, open_store};
use clap::Args;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::daemon::{self, Signals};
use crate::exit::Fault;
use crate::notify::{self, Watched};
use crate::output::{Progress, note};
use crate::profile;
use crate::reload::Hangups;
use crate::room::open_with_room;
use crate::settings::{Flags, Settings, table};
use crate::traces;

const EXAMPLES: &str = "\
Examples:
  APIARY_DATABASE_URL=postgres://apiary:…@db/apiary apiary broker --set broker.server_owner=ed25519:…
  APIARY_DATABASE_URL=sqlite:broker.db apiary broker --listen 127.0.0.1:7420 --socket broker.sock
  apiary broker --backup broker-$(date +%F).dump    # copies the database, beside brokers that run, and exits
  apiary broker --migrate                           # brings the schema up to date, and exits";

/// Run a broker, until SIGTERM or Ctrl-C
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Path of a Unix socket to listen on as well
    #[arg(long, value_name = "FILE")]
    socket: Option<String>,
    /// Copy the database to FILE, and exit: by `pg_dump`, in its custom format, or as a SQLite file; replaces FILE
    #[arg(long, value_name = "FILE", conflicts_with = "migrate")]
    backup: Option<PathBuf>,
    /// Migrate the database's schema to this version, and exit
    #[arg(long)]
    migrate: bool,
    /// With --migrate: migrate a database of which no backup was made in the last 24 hours
    #[arg(long, requires = "migrate")]
    no_backup: bool,
}

impl Arguments {
    pub(crate) fn flags(&self, flags: &mut Flags) {
        flags.add(&table::BROKER_LISTEN, self.listen.clone());
        flags.add(&table::BROKER_SOCKET, self.socket.clone());
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let config = config(&context.settings)?;
    config.check()?;
    if let Some(file) = &arguments.backup {
        let progress = Progress::start("backing up", context.format);
        let bytes = back_up(&config.store, file).await?;
        drop(progress);
        note(&format!("{bytes} bytes in {}: docs/operations.md has how to restore them", file.display()));
        return Ok(());
    }
    if arguments.migrate {
        let progress = Progress::start("bringing the schema up to date", context.format);
        return migrate(&config.store, arguments.no_backup, progress).await;
    }
    let notifier = notify::open(&context.settings, "broker")?;
    let collector = traces::open(&context.settings)?;
    let mut signals = Signals::listen()?;
    let mut hangups = Hangups::listen()?;
    let start = async || {
        let supervisor = profile::supervisor(&context.settings);
        Broker::start(config.clone(), &supervisor, profile::clock()).await.map(|broker| (broker, supervisor))
    };
    let started = async {
        match config.store {
            StoreConfig::Sqlite { .. } => open_with_room("the database", start).await,
            StoreConfig::Postgres { .. } => Ok(start().await?),
        }
    };
    let Some(started) = signals.unless(started).await else { return Ok(()) };
    let (broker, supervisor) = started?;
    let socket = broker.socket().map(|path| format!(" and unix:{}", path.display())).unwrap_or_default();
    let address = broker.address().map(|address| address.to_string()).unwrap_or_default();
    note(&format!("ready: broker on {address}{socket}"));
    let notifier = Watched::default().broker(broker.attention(), &context.settings).start(notifier, &supervisor);
    let exporter = traces::start(collector, &supervisor);
    let shutdown = CancellationToken::new();
    let service = async {
        let ended = tokio::select! {
            ended = daemon::until(&shutdown, supervisor.failed()) => ended,
            never = hangups.heed(context, || broker.reload_tls()) => match never {},
        };
        notify::stop(notifier).await;
        broker.stop().await;
        traces::stop(exporter).await;
        ended
    };
    daemon::serve(signals, &shutdown, || supervisor.is_up(), service).await
}

async fn migrate(store: &StoreConfig, no_backup: bool, progress: Progress) -> anyhow::Result<()> {
    let store = open_store(store).await?;
    let backup = if no_backup { Ok(()) } else { store.ensure_backup().await };
    let migrated = match backup {
        Ok(()) => store.migrate().await,
        Err(missing) => Err(missing),
    };
    store.close().await;
    drop(progress);
    migrated?;
    note("the schema is up to date");
    Ok(())
}

fn config(settings: &Settings) -> anyhow::Result<Config> {
    Ok(Config {
        listen: ListenConfig {
            address: settings.socket(&table::BROKER_LISTEN),
            socket: settings.path(&table::BROKER_SOCKET),
            tls: tls(settings)?,
            allow_plaintext: settings.flag(&table::BROKER_ALLOW_PLAINTEXT),
            door: door(settings),
        },
        store: store(settings)?,
        migrate: settings.flag(&table::BROKER_MIGRATE),
        server_owner: settings.id(&table::BROKER_SERVER_OWNER),
        executors: executors(settings),
        retention: retention(settings),
    })
}

/// Reads the bounds on connections; used by `apiary up`, too.
pub(crate) fn door(settings: &Settings) -> DoorConfig {
    let count = |setting| usize::try_from(settings.integer(setting)).unwrap_or(usize::MAX);
    let connections_max = count(&table::BROKER_CONNECTIONS_MAX);
    let connections_max = daemon::connections_with_files(&table::BROKER_CONNECTIONS_MAX, connections_max);
    DoorConfig {
        connections_max,
        connections_per_peer_max: count(&table::BROKER_CONNECTIONS_PER_PEER_MAX),
        trusted_proxies: settings.proxies(&table::BROKER_TRUSTED_PROXIES),
        ..DoorConfig::default()
    }
}

/// Reads after what time executors count as silent and gone, and work as unattended; used by `apiary up`, too.
pub(crate) fn executors(settings: &Settings) -> ExecutorsConfig {
    let after = |setting| Duration::from_secs(settings.integer(setting));
    ExecutorsConfig {
        silent_after: after(&table::BROKER_EXECUTOR_SILENT_AFTER_SECONDS),
        gone_after: after(&table::BROKER_EXECUTOR_GONE_AFTER_SECONDS),
        unattended_after: after(&table::BROKER_UNATTENDED_AFTER_SECONDS),
    }
}

/// Reads the retention of finished processes; used by `apiary up`, too.
pub(crate) fn retention(settings: &Settings) -> RetentionConfig {
    RetentionConfig {
        succeeded: settings.retention(&table::BROKER_RETAIN_SUCCEEDED),
        failed: settings.retention(&table::BROKER_RETAIN_FAILED),
        cancelled: settings.retention(&table::BROKER_RETAIN_CANCELLED),
        dead_letters: settings.retention(&table::BROKER_RETAIN_DEAD_LETTERS),
        events: settings.retention(&table::BROKER_RETAIN_EVENTS),
    }
}

fn tls(settings: &Settings) -> anyhow::Result<Option<TlsConfig>> {
    let client_authorities = settings.path(&table::BROKER_TLS_CLIENT_AUTHORITIES);
    match (settings.path(&table::BROKER_TLS_CERTIFICATE), settings.path(&table::BROKER_TLS_KEY)) {
        (Some(certificate), Some(key)) => Ok(Some(TlsConfig { certificate, key, client_authorities })),
        (None, None) if client_authorities.is_none() => Ok(None),
        (None, None) => {
            Err(Fault::usage("`broker.tls_client_authorities` needs `broker.tls_certificate` and `broker.tls_key`")
                .into())
        }
        _ => Err(Fault::usage("`broker.tls_certificate` and `broker.tls_key` go together: set both").into()),
    }
}

fn store(settings: &Settings) -> anyhow::Result<StoreConfig> {
    let Some(url) = settings.secret(&table::BROKER_DATABASE_URL) else {
        return Err(Fault::usage("`broker.database_url` is not set")
            .hint("set APIARY_DATABASE_URL to postgres://user:password@host:port/database, or to sqlite:PATH")
            .into());
    };
    let url = url.expose_secret();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let connections_max =
            u32::try_from(settings.integer(&table::BROKER_DATABASE_CONNECTIONS_MAX)).unwrap_or(u32::MAX);
        let has_transaction_pooler = settings.flag(&table::BROKER_DATABASE_TRANSACTION_POOLER);
        let direct_url = settings.secret(&table::BROKER_DATABASE_DIRECT_URL);
        let direct_url = direct_url.map(|url| url.expose_secret().to_owned());
        return Ok(StoreConfig::Postgres { url: url.to_owned(), connections_max, has_transaction_pooler, direct_url });
    }
    match sqlite_path(url) {
        Some(path) => Ok(StoreConfig::Sqlite { path }),
        // The value is not shown, because it may hold a password.
        None => Err(Fault::usage("`broker.database_url`: expected postgres://… or sqlite:PATH").into()),
    }
}

/// Parses `sqlite:PATH`, `sqlite://PATH`, or a plain path.
fn sqlite_path(url: &str) -> Option<PathBuf> {
    match url.strip_prefix("sqlite:") {
        Some(path) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        // A misspelt URL, or libpq's `host=… password=…`, must not become a file's name, because file names are shown.
        None if ["://", ":/", "@", "="].iter().any(|part| url.contains(part)) || url.starts_with("postgres") => None,
        None => Some(PathBuf::from(url)),
    }
}
