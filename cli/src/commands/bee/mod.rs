//! `apiary bee`.

mod check;

use anyhow::Context as _;
use apiary_bees::{ALL, Bee, Build};
use apiary_daemon::metrics;
use apiary_executor_sdk::ExecutorBuilder;
use apiary_executor_sdk::guard::Guard;
use apiary_identity::Offer;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::daemon::{self, Signals};
use crate::notify::{self, Watched};
use crate::output::note;
use crate::profile;
use crate::reload::Hangups;
use crate::room::open_with_room;
use crate::settings::{Flags, Settings, table};
use crate::traces;

const EXAMPLES: &str = "\
Examples:
  SUPABASE_URL=https://….supabase.co SUPABASE_SERVICE_ROLE_KEY=… apiary bee finance --key-file finance.pem
  DATABASE_URL=postgres://… apiary bee finance --set finance.migrate=true
  apiary bee finance --check --key-file finance.pem       # exits with 1 if something is missing
  apiary bee echo --key-file echo.pem --slots 32 --set bee.guard_file=rules.json";

/// Run a bee, until SIGTERM or Ctrl-C
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The bee to run
    #[arg(value_name = "NAME", value_parser = bees())]
    bee: &'static dyn Bee,
    /// Name of the executor, as in its grant
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Number of processes that it runs at the same time
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// Check everything that the bee needs, and run nothing
    #[arg(long, conflicts_with = "slots")]
    check: bool,
}

impl Arguments {
    /// Returns true for a bee that runs until it is stopped.
    pub(crate) fn runs(&self) -> bool {
        !self.check
    }
}

impl Arguments {
    pub(crate) fn flags(&self, flags: &mut Flags) {
        flags.add(&table::BEE_NAME, self.name.clone());
        flags.add(&table::BEE_SLOTS, self.slots.clone());
    }
}

/// Reads the name of a bee; help and completions list all there are.
fn bees() -> impl TypedValueParser<Value = &'static dyn Bee> {
    let names = ALL.iter().map(|bee| PossibleValue::new(bee.name()).help(bee.about()));
    PossibleValuesParser::new(names).try_map(|name| {
        let found = ALL.iter().copied().find(|bee| bee.name() == name);
        found.ok_or_else(|| format!("no bee is named `{name}`"))
    })
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (bee, settings) = (arguments.bee, &context.settings);
    if arguments.check {
        return check::run(bee, context).await;
    }
    let (mut signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let name = settings.text(&table::BEE_NAME).unwrap_or(bee.name());
    let notifier = notify::open(settings, &format!("bee {name}"))?;
    let collector = traces::open(settings)?;
    let client = profile::client(settings)?;
    let equipment = Equipment::of(settings)?;
    let start = async || bee.build(client.clone(), settings).await;
    let what = format!("the {} bee", bee.name());
    let built = open_with_room(&what, start);
    let Some(built) = signals.unless(built).await else { return Ok(()) };
    let Build { executor, close } = built?;
    let supervisor = profile::supervisor(settings);
    let executor = equipment.fit(executor.name(name)).supervisor(&supervisor).build()?;
    let watched = Watched::default().tasks(&supervisor).upstream(client, true);
    let notifier = watched.start(notifier, &supervisor);
    let exporter = traces::start(collector, &supervisor);
    let shutdown = CancellationToken::new();
    if let Some(address) = settings.socket(&table::BEE_METRICS_LISTEN) {
        let address = metrics::serve(address, &supervisor, &shutdown)
            .with_context(|| format!("`bee.metrics_listen`: cannot listen on {address}"))?;
        note(&format!("metrics on http://{address}{}", metrics::PATH));
    }
    note(&format!("ready: bee {} `{name}` claims at {}", bee.name(), profile::address(settings)?));
    let service = async {
        let ended = tokio::select! {
            ended = executor.run(shutdown.clone()) => ended,
            never = hangups.heed(context, || false) => match never {},
        };
        notify::stop(notifier).await;
        close.await;
        traces::stop(exporter).await;
        Ok(ended?)
    };
    Box::pin(daemon::serve(signals, &shutdown, || supervisor.is_up(), service)).await
}

/// Settings for every bee of a machine, whatever its functions.
#[derive(Clone, Default)]
pub(crate) struct Equipment {
    /// Number of processes at the same time; the bee's own if absent.
    slots: Option<usize>,
    offer: Offer,
    guard: Guard,
}

impl Equipment {
    /// Reads the settings; used by `apiary up`, too.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let slots = settings.is_set(&table::BEE_SLOTS).then(|| settings.integer(&table::BEE_SLOTS));
        let slots = slots.and_then(|slots| usize::try_from(slots).ok());
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
