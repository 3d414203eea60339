//! The engine's parts and their start and stop. The verbs are in files of their own.

use std::sync::Arc;
use std::time::Duration;

use apiary_daemon::Notices;
use apiary_identity::Clock;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::add_logs::LogFlush;
use super::catalogue::Catalogue;
use super::claim::Places;
use super::claimer::Claimer;
use super::clock::DatabaseClock;
use super::committer::Committer;
use super::complete::CompleteFlush;
use super::contacts::Contacts;
use super::endings::LeaseDesk;
use super::fail::FailFlush;
use super::get_health;
use super::grantbook::GrantBook;
use super::operations::Operations;
use super::presence::PresenceTimes;
use super::prioritytime::Stamps;
use super::relay;
use super::renew::RenewFlush;
use super::report::ReportFlush;
use super::set_attributes::AttributeFlush;
use super::submit::SubmitFlush;
use super::sweep;
use super::sweep::Bulks;
use super::wakeups::Wakeups;
use super::watches::Watches;
use crate::limits::{COMMIT_AGE_MAX, READINESS_TIME_MAX};
use crate::model::Retention;
use crate::store::{Store, StoreResult};

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// How long executors may not be heard.
    pub(crate) presence: PresenceTimes,
    /// How long finished processes are kept.
    pub(crate) retention: Retention,
    /// Work that has waited for so long, and nobody listens, is reported.
    pub(crate) unattended_after: Duration,
}

/// Everything that happens to processes.
pub(crate) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) grants: Arc<GrantBook>,
    pub(super) claimer: Arc<Claimer>,
    pub(super) contacts: Arc<Contacts>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) wakeups: Wakeups,
    pub(super) submits: Committer<SubmitFlush>,
    pub(super) completions: Committer<CompleteFlush>,
    pub(super) failures: Committer<FailFlush>,
    pub(super) renewals: Committer<RenewFlush>,
    pub(super) reports: Committer<ReportFlush>,
    pub(super) logs: Committer<LogFlush>,
    pub(super) attributes: Committer<AttributeFlush>,
    pub(super) stamps: Stamps,
    pub(super) unattended_after: Duration,
    pub(super) watches: Arc<Watches>,
    pub(super) desk: LeaseDesk,
    pub(super) operations: Operations,
    /// Conditions of the broker as a whole, listed in every colony's health: they must not name what is one colony's.
    pub(super) notices: Notices,
    /// Told when a bulk action was started.
    pub(super) bulks: Arc<Notify>,
    pub(super) polls: Places,
    pub(super) tasks: TaskTracker,
    /// The claimer, the sweeps and the bulk actions, without which work stands still: they end only with the broker.
    loops: [JoinHandle<()>; 4],
    pub(super) drain: CancellationToken,
}

impl Engine {
    /// Starts the writers, the claimer, the sweeps and the talk with other brokers, all in `tasks`. They end once `drain` is
    /// cancelled; the writers only at `finish`, or when the engine is dropped.
    pub(crate) async fn start(
        store: Arc<dyn Store>,
        local_clock: Arc<dyn Clock>,
        broker_id: Uuid,
        tuning: Tuning,
        tasks: &TaskTracker,
        drain: CancellationToken,
        finish: &CancellationToken,
    ) -> StoreResult<Arc<Self>> {
        let notices = Notices::new(local_clock.clone());
        let clock = Arc::new(DatabaseClock::new(local_clock));
        clock.sync(&*store).await?;
        // A database with a clock of its own is one that other brokers may use, too.
        let shared = store.database_time_ms().await?.is_some();
        let claimer = Arc::new(Claimer::default());
        let (wakeups, hints) = Wakeups::start(claimer.clone(), shared);
        if let Some(hints) = hints {
            tasks.spawn(relay::tell(store.clone(), broker_id, hints, drain.clone()));
            tasks.spawn(sweep::keep_time(clock.clone(), store.clone(), drain.clone()));
        }
        let watches = Arc::new(Watches::new(clock.clone()));
        let ended_with_grants = (claimer.clone(), watches.clone());
        let grants = Arc::new(GrantBook::new(store.clone(), clock.clone(), ended_with_grants, shared));
        tasks.spawn(grants.clone().keep_looking(drain.clone()));
        let contacts = Arc::new(Contacts::new(clock.clone(), tuning.presence));
        let catalogue = Arc::new(Catalogue::new(store.clone(), clock.clone(), contacts.clone()));
        if let Some(heard) = store.listen().await? {
            let memory = relay::Memory { grants: grants.clone(), catalogue: catalogue.clone() };
            tasks.spawn(relay::hear(heard, broker_id, wakeups.clone(), memory, drain.clone()));
        }
        tasks.spawn(contacts.clone().run(store.clone(), drain.clone()));
        tasks.spawn(get_health::attend(
            store.clone(),
            clock.clone(),
            contacts.clone(),
            tuning.unattended_after,
            drain.clone(),
        ));
        let operations = Operations::new(store.clone(), wakeups.clone(), clock.clone());
        let bulks_started = Arc::new(Notify::new());
        let bulks = Bulks::new(store.clone(), clock.clone(), operations.clone(), broker_id, bulks_started.clone());
        let loops = [
            tasks.spawn(claimer.clone().run(store.clone(), clock.clone(), shared, drain.clone())),
            tasks.spawn(sweep::run(store.clone(), clock.clone(), wakeups.clone(), tuning.retention, drain.clone())),
            tasks.spawn(bulks.run(drain.clone())),
            tasks.spawn(sweep::settle_dependencies(store.clone(), clock.clone(), wakeups.clone(), drain.clone())),
        ];
        let desk = LeaseDesk::new(store.clone(), grants.clone());
        Ok(Arc::new(Self {
            submits: Committer::start(
                tasks,
                SubmitFlush::new(store.clone(), wakeups.clone(), clock.clone()),
                finish.clone(),
            ),
            completions: Committer::start(
                tasks,
                CompleteFlush::new(desk.clone(), wakeups.clone(), clock.clone()),
                finish.clone(),
            ),
            failures: Committer::start(
                tasks,
                FailFlush::new(desk.clone(), wakeups.clone(), clock.clone()),
                finish.clone(),
            ),
            renewals: Committer::start(tasks, RenewFlush::new(desk.clone(), clock.clone()), finish.clone()),
            reports: Committer::start(
                tasks,
                ReportFlush::new(desk.clone(), wakeups.clone(), clock.clone()),
                finish.clone(),
            ),
            logs: Committer::start(tasks, LogFlush::new(desk.clone(), wakeups.clone(), clock.clone()), finish.clone()),
            attributes: Committer::start(tasks, AttributeFlush::new(desk.clone(), clock.clone()), finish.clone()),
            grants,
            contacts,
            catalogue,
            stamps: Stamps::default(),
            unattended_after: tuning.unattended_after,
            desk,
            operations,
            notices,
            bulks: bulks_started,
            polls: Places::default(),
            tasks: tasks.clone(),
            loops,
            watches,
            store,
            clock,
            claimer,
            wakeups,
            drain,
        }))
    }

    /// The broker's time.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Returns the list to which any part of the broker adds conditions that an operator should know of.
    pub(crate) fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// The grants that it works from.
    pub(crate) fn grants(&self) -> Arc<GrantBook> {
        self.grants.clone()
    }

    /// Why no work can be taken and handed out, as far as that shows without a write: the broker stops, a loop has ended before its
    /// time, or the database does not answer.
    pub(crate) async fn unready(&self) -> Option<String> {
        if self.drain.is_cancelled() {
            return Some("the broker is stopping".to_owned());
        }
        if self.loops.iter().any(JoinHandle::is_finished) {
            return Some("a background task has ended; the log says why".to_owned());
        }
        unavailable(self.store.check_schema()).await
    }

    /// The same, and that the database takes no writes. An idle broker writes for this, and at no other time.
    pub(crate) async fn unready_to_write(&self) -> Option<String> {
        match self.unready().await {
            None => unavailable(self.store.prove_writable(COMMIT_AGE_MAX, self.clock.now_ms())).await,
            unready => unready,
        }
    }

    /// Waits until the broker begins to stop.
    pub(crate) async fn stopping(&self) {
        self.drain.cancelled().await;
    }

    /// How many claims wait.
    pub(crate) fn claims_waiting(&self) -> usize {
        self.claimer.waiting()
    }
}

/// Why the database did not do this, if so.
async fn unavailable(call: impl Future<Output = StoreResult<()>>) -> Option<String> {
    match tokio::time::timeout(READINESS_TIME_MAX, call).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("the database did not answer within {} s", READINESS_TIME_MAX.as_secs())),
    }
}
