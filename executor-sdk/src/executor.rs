//! The executor: claims work, checks it, does it, signs what came of it.
//!
//! One loop ([`claim`]) asks for as many works as there are free slots. Each work is an [`attempt`] in a task of
//! its own: checked by [`lease::examine`](crate::lease), which also asks the guard (the colony's part of it is kept up to date by
//! [`rules`]), its lease kept by [`heartbeat`], its result signed and brought home as [`lease`](crate::lease) does it.
//! [`drain`] ends it all.

mod attempt;
mod builder;
mod claim;
mod contact;
mod drain;
mod heartbeat;
mod introduce;
mod polls;
mod rules;
mod waits;
mod works;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Notices, Supervisor, Throttle};
use apiary_identity::Offer;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::guard::{Guard, Refusals};
use crate::handler::Handler;
use crate::{Client, ClientError};

pub use builder::ExecutorBuilder;

/// An executor, ready to run.
///
/// It trusts its colony's key and nothing else: not the broker, not the network. What reaches a handler was
/// signed by somebody to whom the colony gave that right; what was not is refused towards the broker, which
/// sets it aside.
pub struct Executor {
    client: Client,
    settings: Settings,
    guard: Guard,
    handlers: BTreeMap<String, Handler>,
    tasks: Supervisor,
}

/// What an executor announces of a function that it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    /// What it does.
    pub(crate) description: String,
    /// What its arguments must be, as JSON Schema; empty means anything.
    pub(crate) args_schema: String,
}

/// How an executor runs.
struct Settings {
    executor_type: String,
    name: Option<String>,
    version: String,
    functions: BTreeMap<String, Function>,
    slots: usize,
    offer: Offer,
    lease: Duration,
    drain_timeout: Duration,
    guard_refresh: Duration,
}

/// What every part of a running executor shares.
struct Context {
    client: Client,
    settings: Settings,
    rules: rules::Rules,
    waits: waits::Waits,
    /// Of log lines about work that failed for good, or that waits for its surroundings.
    warnings: Throttle,
    handlers: BTreeMap<String, Handler>,
    /// The loops of the executor, and what became of them.
    tasks: Supervisor,
    /// Cancelled when an executor that stops waits for its handlers no longer.
    give_up: CancellationToken,
}

impl Executor {
    /// An executor that works in this client's name, for its colony.
    pub fn builder(client: Client) -> ExecutorBuilder {
        ExecutorBuilder::new(client)
    }

    /// How often its guard refused work, by rule: counted on while it runs.
    pub fn guard_refusals(&self) -> Refusals {
        self.guard.refusals()
    }

    /// Returns the list of conditions that an operator should know of: those that the executor finds, and those that
    /// its handlers add.
    pub fn notices(&self) -> Notices {
        self.tasks.notices().clone()
    }

    /// The loops, for tests that make them panic.
    #[doc(hidden)]
    pub fn tasks(&self) -> &Supervisor {
        &self.tasks
    }

    /// Works until `shutdown` is cancelled. Then it claims no more at once, gives its handlers the drain timeout to
    /// finish, cancels those that are left, and gives their work back untouched.
    ///
    /// A broker that is away is waited for, as long as it takes.
    ///
    /// # Errors
    ///
    /// A refusal that no retry can help, such as `NOT_PERMITTED`, if it comes before the first claim was accepted:
    /// then key, grant or address are wrong. Later ones are logged and tried again, because work is in hand. And
    /// [`ClientError::Broken`] if a part of the executor panics again and again.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ClientError> {
        self.run_with(&shutdown, &CancellationToken::new()).await
    }

    /// [`run`](Self::run) until SIGTERM or SIGINT. A second signal cuts the drain timeout short. SIGHUP, a service manager's
    /// `reload`, ends nothing: there is nothing to read again.
    ///
    /// # Errors
    ///
    /// As `run`, and if the signals cannot be listened to.
    pub async fn run_until_signalled(self) -> Result<(), ClientError> {
        let listen = |kind| signal(kind).map_err(|error| ClientError::Invalid(format!("no signals: {error}")));
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (shutdown, hurry) = (CancellationToken::new(), CancellationToken::new());
        let mut running = Box::pin(self.run_with(&shutdown, &hurry));
        loop {
            tokio::select! {
                ended = &mut running => return ended,
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {
                    tracing::info!("SIGHUP: nothing to reload; the files of TLS are read for each new connection");
                    continue;
                }
            }
            if shutdown.is_cancelled() {
                hurry.cancel();
            }
            shutdown.cancel();
        }
    }

    async fn run_with(self, shutdown: &CancellationToken, hurry: &CancellationToken) -> Result<(), ClientError> {
        let Self { client, settings, guard, handlers, tasks } = self;
        let (rules, waits) = (rules::Rules::new(guard), waits::Waits::default());
        let give_up = CancellationToken::new();
        let warnings = Throttle::new(Arc::clone(client.clock()));
        let context = Arc::new(Context { client, settings, rules, waits, warnings, handlers, tasks, give_up });
        let mut works = works::Works::new(Arc::clone(&context));
        let ended = tokio::select! {
            ended = claim_through_panics(&context, &mut works, shutdown) => ended,
            never = Box::pin(keep_rules_through_panics(&context, shutdown)) => match never {},
            problem = context.tasks.failed() => Err(ClientError::Broken(problem)),
        };
        drain::run(&context, works, hurry).await;
        ended
    }
}

/// Claims until the executor is to stop. The works in hand go on while the loop is started again after a panic.
async fn claim_through_panics(
    context: &Context,
    works: &mut works::Works,
    shutdown: &CancellationToken,
) -> Result<(), ClientError> {
    let mut life = context.tasks.life("claims", shutdown.clone());
    let mut claims = claim::Claims::new();
    loop {
        match life.run(claims.run(context, works, shutdown)).await {
            Some(ended) => return ended,
            None if shutdown.is_cancelled() => return Ok(()),
            None => {}
        }
    }
}

/// Keeps the colony's rules up to date until the executor is to stop.
async fn keep_rules_through_panics(context: &Context, shutdown: &CancellationToken) -> Infallible {
    let mut life = context.tasks.life("rules", shutdown.clone());
    loop {
        match life.run(rules::keep(context)).await {
            Some(never) => match never {},
            None if shutdown.is_cancelled() => return std::future::pending().await,
            None => {}
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({} by {:?})", self.settings.executor_type, self.client)
    }
}
