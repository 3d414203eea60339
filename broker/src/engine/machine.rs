//! The engine's parts, their start and their stop. The verbs are in files of their own.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::{Supervisor, Throttle};
use apiary_identity::Clock;
use apiary_store::model::{GrantKey, Retention, RevokedGrant};
use apiary_store::{Store, StoreResult};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::background;
use super::background::{AddressWriter, Bulks, Keeper, RefusalWriter};
use super::clock::DatabaseClock;
use super::colonies::get_health;
use super::commit::committer::Committer;
use super::dispatch::dispatcher::Dispatcher;
use super::executors::newcomers::PendingByAddress;
use super::leases::add_logs::LogFlush;
use super::leases::claim::PollSlots;
use super::leases::complete::CompleteFlush;
use super::leases::fail::FailFlush;
use super::leases::lookup::LeaseLookup;
use super::leases::renew::RenewFlush;
use super::leases::report::ReportFlush;
use super::leases::set_attributes::AttributeFlush;
use super::leases::undelivered::RunLookup;
use super::notify::peers::Peers;
use super::notify::relay;
use super::notify::wakeups::Wakeups;
use super::notify::watches::{self, Watches};
use super::presence::last_seen::LastSeenTable;
use super::presence::state::PresenceTimes;
use super::processes::operations::Operations;
use super::processes::priority_time::Stamps;
use super::processes::submit::{ResubmitFlush, SubmitFlush};
use super::readiness::Probe;
use super::retention::RetentionProgress;
use super::schemas::catalogue::Catalogue;
use crate::addresses::KeyAddresses;
use crate::grant_cache::{GrantCache, UnderGrants};
use crate::hearing::Hearing;
use crate::limits::{COMMIT_AGE_MAX, READINESS_TIME_MAX};
use crate::metrics::BrokerMetrics;
use crate::refusals::Refusals;

/// The engine's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineSettings {
    /// The times after which executors count as silent or gone.
    pub(crate) presence: PresenceTimes,
    /// The retention times of finished processes.
    pub(crate) retention: Retention,
    /// The time for which events are kept; `None` for as long as there is room.
    pub(crate) events_kept_ms: Option<i64>,
    /// The age at which waiting work without a listening executor is reported.
    pub(crate) unattended_after: Duration,
}

/// The engine: all verbs, and the parts that they share.
pub(crate) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) grants: Arc<GrantCache>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) hearing: Hearing,
    pub(super) contacts: Arc<LastSeenTable>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) wakeups: Wakeups,
    pub(super) submits: Committer<SubmitFlush>,
    pub(super) resubmits: Committer<ResubmitFlush>,
    pub(super) completions: Committer<CompleteFlush>,
    pub(super) runs: Committer<RunLookup>,
    pub(super) failures: Committer<FailFlush>,
    pub(super) renewals: Committer<RenewFlush>,
    pub(super) reports: Committer<ReportFlush>,
    pub(super) logs: Committer<LogFlush>,
    pub(super) attributes: Committer<AttributeFlush>,
    pub(super) stamps: Stamps,
    pub(super) unattended_after: Duration,
    pub(super) retention: Arc<RetentionProgress>,
    pub(super) watches: Arc<Watches>,
    pub(super) lookup: LeaseLookup,
    pub(super) operations: Operations,
    /// The throttle of log lines about work that waits for its surroundings, or that the broker itself ended, and about failed sweeps.
    pub(super) lines: Throttle,
    /// Notified when a bulk action was started.
    pub(super) bulks: Arc<Notify>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) metrics: Arc<BrokerMetrics>,
    addresses: Arc<KeyAddresses>,
    pub(super) polls: PollSlots,
    pub(super) newcomers: PendingByAddress,
    /// Probes of the database: that it answers, and that it takes writes.
    probes: [Probe; 2],
    /// The loops, which must run for work to go on, and the watches. Its notices are about the broker as a whole and are listed in every
    /// colony's health: they must not name anything of one colony.
    pub(super) tasks: Supervisor,
    pub(super) drain: CancellationToken,
}

impl Engine {
    /// Starts the writers, the dispatcher, the sweeps and the exchange with other brokers, all in `tasks`. They end once `drain` is
    /// cancelled; the writers only at `finish`, or when the engine is dropped.
    pub(crate) async fn start(
        store: Arc<dyn Store>,
        local_clock: Arc<dyn Clock>,
        broker_id: Uuid,
        tuning: EngineSettings,
        tasks: &Supervisor,
        drain: CancellationToken,
        finish: &CancellationToken,
    ) -> StoreResult<Arc<Self>> {
        let clock = Arc::new(DatabaseClock::new(local_clock));
        clock.sync(&*store).await?;
        // Other brokers may use a database that has a clock of its own.
        let shared = store.database_time_ms().await?.is_some();
        let hearing = Hearing::default();
        let dispatcher = Arc::new(Dispatcher::new(hearing.clone()));
        let (wakeups, hints) = Wakeups::start(dispatcher.clone(), shared);
        let peers = Arc::new(Peers::default());
        if let Some(hints) = hints {
            let state = (store.clone(), hints, peers.clone(), drain.clone());
            tasks.spawn("hints to other brokers", drain.clone(), state, move |(store, hints, peers, stop)| {
                Box::pin(relay::tell(&**store, broker_id, hints, peers, stop))
            });
            let state = (clock.clone(), store.clone(), drain.clone());
            tasks.spawn("database clock", drain.clone(), state, |(clock, store, stop)| {
                Box::pin(background::keep_time(clock, &**store, stop))
            });
            tasks.spawn("counts of processes", drain.clone(), (store.clone(), drain.clone()), |(store, stop)| {
                Box::pin(background::fold_counts(&**store, stop))
            });
        }
        let watches = Arc::new(Watches::new(clock.clone()));
        let waiting = Arc::new(Waiting { dispatcher: dispatcher.clone(), watches: watches.clone() });
        let grants = Arc::new(GrantCache::new(store.clone(), clock.clone(), waiting, shared.then(|| hearing.clone())));
        if shared {
            tasks.spawn("revocations", drain.clone(), (grants.clone(), drain.clone()), |(grants, stop)| {
                Box::pin(grants.keep_looking(stop))
            });
        }
        let contacts = Arc::new(LastSeenTable::new(clock.clone(), tuning.presence));
        let catalogue = Arc::new(Catalogue::new(store.clone(), clock.clone(), contacts.clone()));
        let messages = store.listen().await?;
        if shared {
            wakeups.set_deaf(messages.is_none());
            let (listens, state) = (messages.is_some(), (peers.clone(), store.clone(), drain.clone()));
            tasks.spawn("other brokers", drain.clone(), state, move |(peers, store, stop)| {
                Box::pin(async move { _ = stop.run_until_cancelled(peers.keep_counting(&**store, listens)).await })
            });
        }
        if let Some(messages) = messages {
            let memory = relay::Caches { grants: grants.clone(), catalogue: catalogue.clone() };
            let (store, wakeups, messages) = (store.clone(), wakeups.clone(), Some(messages));
            let reader = relay::HintReader { store, messages, broker_id, wakeups, memory, peers };
            tasks.spawn("hints from other brokers", drain.clone(), (reader, drain.clone()), |(reader, stop)| {
                Box::pin(async move { _ = stop.run_until_cancelled(reader.run()).await })
            });
        }
        let state = (contacts.clone(), store.clone(), drain.clone());
        tasks.spawn("contacts", drain.clone(), state, |(contacts, store, stop)| Box::pin(contacts.run(&**store, stop)));
        let attendant = get_health::Attendant {
            store: store.clone(),
            clock: clock.clone(),
            contacts: contacts.clone(),
            unattended_after: tuning.unattended_after,
        };
        tasks.spawn("unattended work", drain.clone(), (attendant, drain.clone()), |(attendant, stop)| {
            Box::pin(attendant.run(stop))
        });
        let operations = Operations::new(store.clone(), wakeups.clone(), clock.clone());
        let bulks_started = Arc::new(Notify::new());
        let bulks = Bulks::new(store.clone(), clock.clone(), operations.clone(), broker_id, bulks_started.clone());
        tasks.spawn("bulk actions", drain.clone(), (bulks, drain.clone()), |(bulks, stop)| Box::pin(bulks.run(stop)));
        let lines = Throttle::new(clock.clone());
        let refusals = Arc::new(Refusals::new(clock.clone()));
        let writer = RefusalWriter::new(store.clone(), grants.clone(), clock.clone(), refusals.clone(), lines.clone());
        // Calls that are being answered while the broker drains are refused, too.
        tasks.spawn("refusals", drain.clone(), (writer, finish.clone()), |(writer, stop)| Box::pin(writer.run(stop)));
        let addresses = Arc::new(KeyAddresses::new(clock.clone()));
        let writer = AddressWriter::new(store.clone(), addresses.clone(), lines.clone());
        tasks.spawn("addresses", drain.clone(), (writer, finish.clone()), |(writer, stop)| Box::pin(writer.run(stop)));
        let state = (store.clone(), clock.clone(), lines.clone(), drain.clone());
        let kept_ms = tuning.events_kept_ms;
        tasks.spawn("events", drain.clone(), state, move |(store, clock, lines, stop)| {
            Box::pin(background::forget_events(&**store, &**clock, kept_ms, lines, stop))
        });
        let state = (dispatcher.clone(), store.clone(), clock.clone(), lines.clone(), drain.clone());
        tasks.spawn("dispatcher", drain.clone(), state, move |(dispatcher, store, clock, lines, stop)| {
            Box::pin(dispatcher.run(&**store, &**clock, shared, lines, stop))
        });
        let metrics = Arc::new(BrokerMetrics::new(tasks.metrics().series()));
        let ended = background::Ends { wakeups: wakeups.clone(), lines: lines.clone(), metrics: metrics.clone() };
        let state = (store.clone(), clock.clone(), ended, drain.clone());
        tasks.spawn("sweeps", drain.clone(), state, move |(store, clock, ends, stop)| {
            Box::pin(background::run(&**store, &**clock, ends, stop))
        });
        let retention = Arc::new(RetentionProgress::new(tuning.retention));
        let keeper = Keeper::new(store.clone(), clock.clone(), retention.clone(), lines.clone());
        tasks.spawn("retention", drain.clone(), (keeper, drain.clone()), |(keeper, stop)| Box::pin(keeper.run(stop)));
        let state = (store.clone(), clock.clone(), wakeups.clone(), lines.clone(), drain.clone());
        tasks.spawn("dependencies", drain.clone(), state, |(store, clock, wakeups, lines, stop)| {
            Box::pin(background::settle_dependencies(&**store, &**clock, wakeups, lines, stop))
        });
        let lookup = LeaseLookup::new(store.clone(), grants.clone(), metrics.clone());
        let engine = Arc::new(Self {
            submits: Committer::start(
                tasks,
                "submit writer",
                SubmitFlush::new(store.clone(), metrics.clone(), dispatcher.clone(), wakeups.clone(), clock.clone()),
                finish,
            ),
            resubmits: Committer::start(tasks, "resubmit writer", ResubmitFlush::new(operations.clone()), finish),
            completions: Committer::start(
                tasks,
                "complete writer",
                CompleteFlush::new(lookup.clone(), dispatcher.clone(), wakeups.clone(), clock.clone()),
                finish,
            ),
            runs: Committer::start(tasks, "lost leases", RunLookup::new(store.clone()), finish),
            failures: Committer::start(
                tasks,
                "fail writer",
                FailFlush::new(lookup.clone(), wakeups.clone(), clock.clone()),
                finish,
            ),
            renewals: Committer::start(tasks, "renew writer", RenewFlush::new(lookup.clone(), clock.clone()), finish),
            reports: Committer::start(
                tasks,
                "report writer",
                ReportFlush::new(lookup.clone(), wakeups.clone(), clock.clone()),
                finish,
            ),
            logs: Committer::start(
                tasks,
                "log writer",
                LogFlush::new(lookup.clone(), wakeups.clone(), clock.clone()),
                finish,
            ),
            attributes: Committer::start(
                tasks,
                "attribute writer",
                AttributeFlush::new(lookup.clone(), clock.clone()),
                finish,
            ),
            grants,
            contacts,
            catalogue,
            stamps: Stamps::default(),
            unattended_after: tuning.unattended_after,
            retention,
            lookup,
            operations,
            lines,
            bulks: bulks_started,
            refusals,
            metrics,
            addresses,
            polls: PollSlots::default(),
            newcomers: PendingByAddress::default(),
            probes: Default::default(),
            tasks: tasks.clone(),
            watches,
            store,
            clock,
            dispatcher,
            hearing,
            wakeups,
            drain,
        });
        engine.show_in(tasks.metrics());
        Ok(engine)
    }

    /// Returns the broker's clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Returns the refusals that it writes.
    pub(crate) fn refusals(&self) -> Arc<Refusals> {
        self.refusals.clone()
    }

    /// Returns the numbers of what it does.
    pub(crate) fn metrics(&self) -> Arc<BrokerMetrics> {
        self.metrics.clone()
    }

    /// Returns the addresses of keys that it writes.
    pub(crate) fn addresses(&self) -> Arc<KeyAddresses> {
        self.addresses.clone()
    }

    /// Returns the grants that it works with.
    pub(crate) fn grants(&self) -> Arc<GrantCache> {
        self.grants.clone()
    }

    /// Returns the reason why no work can be taken and handed out, as far as that shows without a write: the broker stops, a task is down,
    /// or the database does not answer.
    pub(crate) async fn unready(&self) -> Option<String> {
        if self.drain.is_cancelled() {
            return Some("the broker is stopping".to_owned());
        }
        if !self.tasks.is_up() {
            return Some("a background task is down; the log says why".to_owned());
        }
        self.probes[0].ask(unavailable(self.store.check_schema())).await
    }

    /// Does the same, and checks that the database takes writes. An idle broker writes for this, and at no other time.
    pub(crate) async fn unready_to_write(&self) -> Option<String> {
        match self.unready().await {
            None => {
                let proof = self.store.prove_writable(COMMIT_AGE_MAX, self.clock.now_ms());
                self.probes[1].ask_unless_bad(unavailable(proof)).await
            }
            unready => unready,
        }
    }

    /// Completes when the broker begins to stop.
    pub(crate) async fn stopping(&self) {
        self.drain.cancelled().await;
    }

    /// Returns the number of waiting claims.
    pub(crate) fn claims_waiting(&self) -> usize {
        self.dispatcher.waiting()
    }
}

/// Calls that wait under grants: polls and watches.
struct Waiting {
    dispatcher: Arc<Dispatcher>,
    watches: Arc<Watches>,
}

impl UnderGrants for Waiting {
    fn end(&self, revoked: &[RevokedGrant]) {
        let keys: Vec<GrantKey> = revoked.iter().map(|grant| grant.key).collect();
        self.dispatcher.expel(&keys, &watches::revoked());
        self.watches.expel(revoked);
    }
}

/// Returns the reason if the database did not answer this call.
async fn unavailable(call: impl Future<Output = StoreResult<()>>) -> Option<String> {
    match tokio::time::timeout(READINESS_TIME_MAX, call).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("the database did not answer within {} s", READINESS_TIME_MAX.as_secs())),
    }
}
