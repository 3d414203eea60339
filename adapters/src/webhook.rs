//! Builds a webhook adapter from its parts, starts and stops it.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use apiary_daemon::door::Listener;
use apiary_daemon::{Supervisor, Throttle};
use apiary_identity::Clock;
use futures::future::BoxFuture;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::contact::Contact;
use crate::forwarder::Forwarder;
use crate::intake::Intake;
use crate::outbox::Reader;
use crate::server::{App, RefusalLog, WebhookBodies, door, listen, router, show};
use crate::spool::{SetAside, Spool, SpoolTotals};
use crate::stats::Counters;
use crate::traffic::Traffic;
use crate::{BrokerState, OutboxReport, Sink, SpoolError, StartError, TrafficReport, WebhookConfig, WebhookStats};

/// A running webhook adapter. Dropping it without [`stop`](Self::stop) cuts requests in progress, and loses no event
/// that was answered with 2xx.
pub struct Webhook {
    address: SocketAddr,
    app: Arc<App>,
    connections: TaskTracker,
    /// The forwarder and the spool's writer.
    tasks: Supervisor,
    /// Tokens that stop the server and then the forwarder.
    stop: (CancellationToken, CancellationToken),
    _cut: (DropGuard, DropGuard),
}

/// A reader of the spool's state.
#[derive(Clone)]
pub struct SpoolReader(Weak<Spool>);

impl SpoolReader {
    /// Returns true if the spool takes events: it has room, and its disk takes writes. False once the adapter has stopped.
    pub fn takes_events(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let Some(spool) = self.0.upgrade() else { return false };
            let totals = spool.totals();
            !totals.is_full && !totals.lacks_reserve && spool.can_write().await
        })
    }
}

impl Webhook {
    /// Checks the settings, opens the spool and the port, and resumes forwarding from the spool. It listens on return;
    /// the broker may be unreachable.
    ///
    /// The tasks run under `supervisor`, whose notices `/healthz` shows. When a task fails again and again, which
    /// [`Supervisor::failed`] tells, the caller must stop the adapter, and end the process with an error, so that it is
    /// restarted.
    ///
    /// # Errors
    ///
    /// An invalid setting, a port in use, or a spool that is in use, damaged, or another colony's.
    pub fn start(
        config: WebhookConfig,
        sink: Arc<dyn Sink>,
        supervisor: &Supervisor,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Self, StartError>> {
        // Boxed, so that the adapter is compiled here: an `async fn` would be compiled in the crate that awaits it.
        Box::pin(Self::start_with(config, sink, supervisor.group(), clock))
    }

    async fn start_with(
        config: WebhookConfig,
        sink: Arc<dyn Sink>,
        tasks: Supervisor,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        config.check()?;
        for shadowing in config.receivers.iter().flat_map(|receiver| receiver.routes.shadowing()) {
            tracing::warn!("{shadowing}");
        }
        let WebhookConfig { listen: address, receivers, outbox, spool_path, limits, trusted_proxies, .. } = config;
        let (listener, address) = listen(address)?;
        let notices = tasks.notices().clone();
        let spool = Arc::new(Spool::open(&spool_path, sink.colony(), &limits, &tasks).await?);
        let (contact, counters) = (Arc::new(Contact::new(notices.clone())), Arc::new(Counters::default()));
        let (to, time) = (sink.clone(), clock.clone());
        let forwarder = Forwarder::new(to, spool.clone(), contact.clone(), counters.clone(), time, notices.clone());
        let new_reader = |config| Reader::new(&config, sink.clone(), contact.clone(), clock.clone(), notices.clone());
        let reader = outbox.map(new_reader).transpose()?;
        let (submit_timeout, answer_timeout) = (limits.submit_timeout, limits.answer_timeout);
        let lines = Throttle::new(clock.clone());
        let traffic = Arc::new(Traffic::open(&spool_path, clock.clone()));
        let intake = Intake { sink, spool, contact, counters, traffic, clock, lines, submit_timeout, answer_timeout };
        let door = door(&limits, trusted_proxies, notices);
        let bodies = WebhookBodies::new(limits.body_bytes_max, limits.body_timeout);
        let outbox = reader.as_ref().map(Reader::state);
        let app = Arc::new(App { intake, outbox, bodies, refusals: RefusalLog::default(), tasks: tasks.clone() });

        let stop = (CancellationToken::new(), CancellationToken::new());
        let connections = TaskTracker::new();
        let state = (forwarder, stop.1.clone());
        tasks.spawn("forwarder", stop.1.clone(), state, |(forwarder, stop)| Box::pin(forwarder.run(stop)));
        let state = (app.intake.traffic.clone(), stop.1.clone());
        tasks.spawn("counts of events", stop.1.clone(), state, |(traffic, stop)| Box::pin(traffic.keep(stop)));
        if let Some(reader) = reader {
            let state = (reader, stop.1.clone());
            tasks.spawn("outbox", stop.1.clone(), state, |(reader, stop)| Box::pin(reader.run(stop)));
        }
        show(&app, &door, tasks.metrics());
        let router = router(app.clone(), receivers);
        door.open_at(Listener::Tcp(listener), None, router, stop.0.clone(), connections.clone(), &tasks);
        tracing::info!(%address, spool = %spool_path.display(), "webhook adapter listens");
        let cut = (stop.0.clone().drop_guard(), stop.1.clone().drop_guard());
        Ok(Self { address, app, connections, tasks, stop, _cut: cut })
    }

    /// Returns the listening address, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the counters since the start.
    pub fn stats(&self) -> WebhookStats {
        self.app.intake.counters.snapshot()
    }

    /// Returns the events by source and type.
    pub fn traffic(&self) -> TrafficReport {
        self.app.intake.traffic.report()
    }

    /// Returns the spool's totals.
    pub fn spool(&self) -> SpoolTotals {
        self.app.intake.spool.totals()
    }

    /// Returns a reader of the spool's state. It does not keep the adapter running.
    pub fn spool_reader(&self) -> SpoolReader {
        SpoolReader(Arc::downgrade(&self.app.intake.spool))
    }

    /// Returns the state of the outbox, if one is read.
    pub fn outbox(&self) -> Option<OutboxReport> {
        self.app.outbox.as_ref().map(|state| state.report())
    }

    /// Returns the result of the last submit to the broker.
    pub fn broker(&self) -> BrokerState {
        self.app.intake.contact.state()
    }

    /// Lists the events that the broker rejects, oldest first, up to a thousand. They stay in the spool, and are
    /// retried when they are a minute, two, four and so on old, then every hour, and at the next start.
    pub async fn set_aside(&self) -> Result<Vec<SetAside>, SpoolError> {
        self.app.intake.spool.list_set_aside().await
    }

    /// Stops in order: no more connections; requests in progress end, or are cut at the time limit; the forwarder ends;
    /// the spool is closed. Events in the spool are forwarded after the next start.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(self.drain_and_close())
    }

    async fn drain_and_close(self) {
        self.stop.0.cancel();
        self.connections.close();
        self.connections.wait().await;
        self.stop.1.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.app.intake.spool.close().await;
        let waiting = self.app.intake.spool.totals().waiting_events;
        tracing::info!(waiting, "webhook adapter stopped");
    }
}
