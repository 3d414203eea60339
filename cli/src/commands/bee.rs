//! `apiary bee`.

use std::sync::Arc;

use anyhow::Context as _;
use apiary_bees::finance::{PostgresRecord, PostgrestRecord, Record, SqliteRecord};
use apiary_bees::{echo, finance};
use apiary_executor_sdk::ExecutorBuilder;
use apiary_executor_sdk::guard::Guard;
use apiary_identity::Offer;
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::daemon::{self, Signals};
use crate::exit::{Exit, Fault};
use crate::output::note;
use crate::profile;
use crate::reload::Hangups;
use crate::room::open_with_room;
use crate::settings::{Flags, Setting, Settings, table};

const EXAMPLES: &str = "\
Examples:
  SUPABASE_URL=https://….supabase.co SUPABASE_SERVICE_ROLE_KEY=… apiary bee finance --key-file finance.pem
  DATABASE_URL=postgres://… apiary bee finance --set finance.migrate=true
  apiary bee echo --key-file echo.pem --slots 32 --set bee.guard_file=rules.json";

/// Run a bee, until SIGTERM or Ctrl-C
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The bee to run
    #[arg(value_enum, value_name = "NAME")]
    bee: Bee,
    /// Name of the executor, as in its grant
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Number of processes that it runs at the same time
    #[arg(long, value_name = "N")]
    slots: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bee {
    /// Applies Stripe events to customers and subscriptions
    Finance,
    /// Returns its arguments, for tests
    Echo,
}

impl Arguments {
    pub(crate) fn flags(&self, flags: &mut Flags) {
        flags.add(&table::BEE_NAME, self.name.clone());
        flags.add(&table::BEE_SLOTS, self.slots.clone());
    }
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let settings = &context.settings;
    let (mut signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let client = profile::client(settings)?;
    let equipment = Equipment::of(settings)?;
    let Some(record) = signals.unless(arguments.bee.record(settings)).await else { return Ok(()) };
    let record = record?;
    let builder = match &record {
        Some(record) => finance::bee(client, Arc::clone(record)),
        None => echo::bee(client),
    };
    let name = settings.text(&table::BEE_NAME).unwrap_or(arguments.bee.name());
    let executor = equipment.fit(builder.name(name)).build()?;
    let shutdown = CancellationToken::new();
    note(&format!("ready: bee {} `{name}` claims at {}", arguments.bee.name(), profile::address(settings)?));
    let service = async {
        let ended = tokio::select! {
            ended = executor.run(shutdown.clone()) => ended,
            never = hangups.heed(context, || false) => match never {},
        };
        if let Some(record) = record {
            record.close().await;
        }
        Ok(ended?)
    };
    Box::pin(daemon::serve(signals, &shutdown, service)).await
}

/// Settings for every bee of a machine, whatever its functions.
#[derive(Clone, Default)]
pub(crate) struct Equipment {
    /// Number of processes at the same time; the SDK's default if absent.
    slots: Option<usize>,
    offer: Offer,
    guard: Guard,
}

impl Equipment {
    /// Reads the settings; used by `apiary up`, too.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let slots = usize::try_from(settings.integer(&table::BEE_SLOTS)).ok();
        Ok(Self { slots, offer: profile::offer(settings), guard: profile::guard(settings)? })
    }

    /// Applies the settings to a bee.
    pub(crate) fn fit(&self, builder: ExecutorBuilder) -> ExecutorBuilder {
        let builder = builder.offer(self.offer.clone()).guard(self.guard.clone());
        match self.slots {
            Some(slots) => builder.slots(slots),
            None => builder,
        }
    }
}

impl Bee {
    fn name(self) -> &'static str {
        match self {
            Self::Finance => "finance",
            Self::Echo => "echo",
        }
    }

    /// Opens the state of record, for the bee that writes to it.
    async fn record(self, settings: &Settings) -> anyhow::Result<Option<Arc<dyn Record>>> {
        match self {
            Self::Finance => record(settings).await.map(Some),
            Self::Echo => Ok(None),
        }
    }
}

/// Opens and checks the configured state of record, before any work is claimed.
async fn record(settings: &Settings) -> anyhow::Result<Arc<dyn Record>> {
    if choose(settings)? == "postgres" && settings.flag(&table::FINANCE_MIGRATE) {
        postgres(settings)?.migrate().await.context("deploy/supabase/migrations")?;
    }
    let record = open_with_room("the state of record", async || open_record(settings).await).await?;
    match record.check().await {
        Ok(()) => Ok(record),
        // A temporary fault does not prevent the start: work is retried until the state of record is available.
        Err(error) if error.is_retryable() => {
            tracing::warn!(%error, "the state of record is not there yet");
            Ok(record)
        }
        Err(error) => Err(error).context("the state of record"),
    }
}

/// Opens the configured state of record.
pub(crate) async fn open_record(settings: &Settings) -> anyhow::Result<Arc<dyn Record>> {
    match choose(settings)? {
        "supabase" => {
            let url = settings.text(&table::FINANCE_SUPABASE_URL).unwrap_or_default();
            let key = settings.secret(&table::FINANCE_SUPABASE_SERVICE_ROLE_KEY);
            let key = key.ok_or_else(|| missing(&table::FINANCE_SUPABASE_SERVICE_ROLE_KEY))?;
            Ok(Arc::new(PostgrestRecord::new(url, &key, profile::clock()).map_err(unusable)?))
        }
        "postgres" => Ok(Arc::new(postgres(settings)?)),
        _ => {
            let path = settings.path(&table::FINANCE_SQLITE).ok_or_else(|| missing(&table::FINANCE_SQLITE))?;
            Ok(Arc::new(SqliteRecord::open(&path).await.with_context(|| path.display().to_string())?))
        }
    }
}

fn postgres(settings: &Settings) -> anyhow::Result<PostgresRecord> {
    let url = settings.secret(&table::FINANCE_DATABASE_URL);
    let url = url.ok_or_else(|| missing(&table::FINANCE_DATABASE_URL))?;
    PostgresRecord::new(&url).map_err(unusable)
}

/// Returns the configured setting for the state of record, or the one that `finance.record` selects.
pub(crate) fn choose(settings: &Settings) -> anyhow::Result<&str> {
    let ways: [(&str, &Setting); 3] = [
        ("supabase", &table::FINANCE_SUPABASE_URL),
        ("postgres", &table::FINANCE_DATABASE_URL),
        ("sqlite", &table::FINANCE_SQLITE),
    ];
    if let Some(word) = settings.text(&table::FINANCE_RECORD) {
        return match ways.iter().find(|(way, _)| *way == word) {
            Some((way, setting)) if settings.is_set(setting) => Ok(way),
            Some((_, setting)) => Err(missing(setting).into()),
            None => Err(missing(&table::FINANCE_RECORD).into()),
        };
    }
    let set: Vec<_> = ways.into_iter().filter(|(_, setting)| settings.is_set(setting)).collect();
    match set.as_slice() {
        [(way, _)] => Ok(way),
        [] => Err(Fault::usage("no state of record is set")
            .hint("set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, or DATABASE_URL, or `finance.sqlite`")
            .into()),
        [(first, _), .., (last, _)] => {
            Err(Fault::usage(format!("more than one state of record is set: {first} and {last}"))
                .hint(format!("say which with `finance.record`, for example APIARY_FINANCE_RECORD={first}"))
                .into())
        }
    }
}

fn missing(setting: &Setting) -> Fault {
    Fault::usage(format!("`{}` is not set: set {}", setting.key, setting.variables().join(" or ")))
}

fn unusable(error: finance::RecordError) -> anyhow::Error {
    Fault::new(Exit::Usage, error.to_string()).into()
}
