//! The executor: claims work, verifies it, runs it, and signs the results.
//!
//! A single loop ([`claim`]) requests as many works as there are free slots. Each work is an [`attempt`] in a task of
//! its own: [`lease::examine`](crate::lease) verifies it and applies the guard (whose colony rules [`rules`] keeps up
//! to date), [`heartbeat`] renews its lease, and [`lease`](crate::lease) sends its result. [`drain`] ends everything.
//!
//! So claiming goes on while earlier work is verified and runs. Results that come while a result is on its way go with
//! the next call of the client, signed once; while all slots are taken, the same call claims the next work ([`results`]).

mod attempt;
mod builder;
mod claim;
mod contact;
mod drain;
mod heartbeat;
mod introduce;
mod metrics;
mod polls;
mod results;
mod rules;
mod waits;
mod works;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Supervisor, Throttle};
use apiary_identity::Offer;
use futures::future::BoxFuture;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::guard::{Guard, Refusals};
use crate::handler::Handler;
use crate::{Client, ClientError};

pub use builder::ExecutorBuilder;

/// An executor, ready to run.
///
/// Trusts only its colony's key: not the broker, not the network. Work that reaches a handler was signed by a key to
/// which the colony granted that right. All other work is refused, and the broker sets it aside.
pub struct Executor {
    client: Client,
    settings: Settings,
    guard: Guard,
    handlers: BTreeMap<String, Handler>,
    tasks: Supervisor,
}

/// An executor's announcement of a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    /// Description for people.
    pub(crate) description: String,
    /// JSON Schema of the arguments; empty means anything.
    pub(crate) args_schema: String,
}

/// Settings of an executor.
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

/// State shared by the parts of a running executor.
struct Context {
    client: Client,
    settings: Settings,
    results: results::Results,
    rules: rules::Rules,
    waits: waits::Waits,
    /// Throttle of log lines about work that failed for good, or waits for its surroundings.
    warnings: Throttle,
    /// Numbers for `/metrics`.
    metrics: metrics::ExecutorMetrics,
    handlers: BTreeMap<String, Handler>,
    /// The executor's loops and their failures.
    tasks: Supervisor,
    /// Cancelled when a stopping executor no longer waits for its handlers.
    give_up: CancellationToken,
}

impl Executor {
    /// Creates a builder of an executor with this client's key, for its colony.
    pub fn builder(client: Client) -> ExecutorBuilder {
        ExecutorBuilder::new(client)
    }

    /// Returns the live counts of the guard's refusals, by rule.
    pub fn guard_refusals(&self) -> Refusals {
        self.guard.refusals()
    }

    /// Works until `shutdown` is cancelled. Then it stops claiming at once, waits for its handlers up to the drain
    /// timeout, cancels the rest, and releases their work.
    ///
    /// Waits for an unreachable broker without a limit.
    ///
    /// # Errors
    ///
    /// A final refusal, such as `NOT_PERMITTED`, before the first claim was accepted: then key, grant or address are
    /// wrong. Later refusals are logged and retried, because there may be work in progress. Also
    /// [`ClientError::Broken`] if a part of the executor panics repeatedly.
    pub fn run(self, shutdown: CancellationToken) -> BoxFuture<'static, Result<(), ClientError>> {
        // Boxed, so that the executor is compiled here: an `async fn` would be compiled in the crate that awaits it.
        Box::pin(async move { self.run_with(&shutdown, &CancellationToken::new()).await })
    }

    /// Works, like [`run`](Self::run), until SIGTERM or SIGINT. A second signal ends the drain timeout early. SIGHUP, a
    /// service manager's `reload`, is ignored: there is nothing to reload.
    ///
    /// # Errors
    ///
    /// As `run`, and a failure to listen for signals.
    pub fn run_until_signalled(self) -> BoxFuture<'static, Result<(), ClientError>> {
        Box::pin(self.listen_and_run())
    }

    async fn listen_and_run(self) -> Result<(), ClientError> {
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
            // Only a second signal gets here with `shutdown` already cancelled.
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
        let (results, claimed) = results::Results::new(client.clone(), claim::request(&settings));
        let series = tasks.metrics().series();
        let metrics = metrics::ExecutorMetrics::new(series, &settings.executor_type, settings.slots, handlers.keys());
        let context = Context { client, settings, results, rules, waits, warnings, metrics, handlers, tasks, give_up };
        let context = Arc::new(context);
        let mut works = works::Works::new(Arc::clone(&context));
        // Dropping the loops cancels no work: attempts are tasks of `works`, and `drain` waits for them below, also
        // after an error.
        // Outside the loop, so that a panic does not reset the back-off or register the executor again.
        let mut claims = claim::Claims::new(claimed);
        let ended = tokio::select! {
            ended = claim_through_panics(&context, &mut works, &mut claims, shutdown) => ended,
            never = Box::pin(keep_rules_through_panics(&context, shutdown)) => match never {},
            problem = context.tasks.failed() => Err(ClientError::Broken(problem)),
        };
        claims.give_back(&context.client).await;
        drain::run(&context, works, hurry).await;
        ended
    }
}

/// Claims until the executor stops. Works in progress continue while the loop restarts after a panic.
async fn claim_through_panics(
    context: &Context,
    works: &mut works::Works,
    claims: &mut claim::Claims,
    shutdown: &CancellationToken,
) -> Result<(), ClientError> {
    let mut life = context.tasks.life("claims", shutdown.clone());
    loop {
        match life.run(claims.run(context, works, shutdown)).await {
            Some(ended) => return ended,
            None if shutdown.is_cancelled() => return Ok(()),
            None => {}
        }
    }
}

/// Keeps the colony's rules up to date until the executor stops.
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
