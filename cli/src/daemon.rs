//! Services: signals, and notifications to systemd.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::exit::Fault;
use crate::output::note;
use crate::settings::Setting;

/// Files besides connections: the database, the log, and files that commands read.
const OTHER_FILES: u64 = 128;
/// Fewest connections of a door, whatever the limit of open files.
const CONNECTIONS_MIN: usize = 16;
/// Time in which further signals count as the first one: `timeout`, or a terminal and its shell, signal both a process
/// and its group.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
/// Notifications in an interval of systemd's watchdog.
const WATCHDOG_TICKS: u32 = 4;
/// Shortest time between them.
const WATCHDOG_TICK_MIN: Duration = Duration::from_millis(100);

/// Raises the limit of open files to the hard limit: every connection is a file, and the usual soft limit is low.
pub(crate) fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::debug!(%error, "raising the limit of open files failed");
    }
}

/// Returns how many connections fit: at most the setting's, and at most half of the open files, because `apiary up` has
/// two doors.
pub(crate) fn connections_with_files(setting: &Setting, connections_max: usize) -> usize {
    let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) else { return connections_max };
    let files = usize::try_from(limit.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX).max(CONNECTIONS_MIN);
    if files < connections_max {
        let setting = setting.key;
        tracing::warn!(
            limit,
            files,
            "the limit of open files allows fewer connections than `{setting}`: raise it (ulimit -Hn, LimitNOFILE)"
        );
    }
    connections_max.min(files)
}

/// SIGTERM and SIGINT. Created before a service starts, so that a signal during the start is not lost.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to receive the signals.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("receiving signals failed");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Does `work` unless a signal arrives first; then returns `None`, and drops `work`.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.next() => None,
        }
    }
}

/// Runs a listening service until it ends or a signal arrives. The first signal cancels `shutdown`, and the service
/// ends in its own time; another one, [`SAME_SIGNAL`] later, ends it at once. The service manager's watchdog is notified while `is_well`.
pub(crate) async fn serve(
    mut signals: Signals,
    shutdown: &CancellationToken,
    is_well: impl Fn() -> bool,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tell(&[NotifyState::Ready]);
    let mut service = pin!(service);
    let mut watchdog = pin!(feed_watchdog(is_well));
    let mut stopping_since: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = &mut service => {
                tell(&[NotifyState::Stopping]);
                return ended;
            }
            () = signals.next() => {}
            never = &mut watchdog => match never {},
        }
        if stopping_since.is_some_and(|since| since.elapsed() < SAME_SIGNAL) {
            continue;
        }
        if shutdown.is_cancelled() {
            return Err(Fault::failure(
                "stopped at the second signal: unfinished work returns to the queue when its lease ends",
            )
            .into());
        }
        stopping_since = Some(Instant::now());
        note("stopping; another signal, a second later or more, stops at once");
        tell(&[NotifyState::Stopping]);
        shutdown.cancel();
    }
}

/// Waits for the shutdown, or for a part that fails repeatedly: an error then ends the process, so that the service
/// manager restarts it.
pub(crate) async fn until(shutdown: &CancellationToken, failed: impl Future<Output = String>) -> anyhow::Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        problem = failed => Err(Fault::failure(problem).into()),
    }
}

/// Notifies systemd's watchdog several times in each interval, while the service is well. Never ends.
async fn feed_watchdog(is_well: impl Fn() -> bool) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    // Often enough that a task which is started again in between ends nothing.
    let mut ticks = tokio::time::interval((limit / WATCHDOG_TICKS).max(WATCHDOG_TICK_MIN));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is immediate, and at that moment no task can have failed yet.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        // A task, because this loop has a thread of its own: it goes on while all others hang.
        if tokio::spawn(async {}).await.is_ok() && is_well() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Notifies systemd, if there is one.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
