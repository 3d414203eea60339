//! What runs until it is told to stop: signals, and what systemd wants to hear.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Fault;
use crate::output::note;

/// SIGTERM and SIGINT. Made before a service starts, so that a signal during the start is not lost.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on, signals are ours.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Does `work` unless a signal comes first; then the answer is `None`, and `work` is dropped.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.next() => None,
        }
    }
}

/// Runs a service that listens already, until it ends or is told to. A signal cancels `shutdown`, and the service ends in
/// its own time; a second one cuts it off.
pub(crate) async fn serve(
    mut signals: Signals,
    shutdown: &CancellationToken,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tell(&[NotifyState::Ready]);
    let mut service = pin!(service);
    let mut watchdog = pin!(feed_watchdog());
    loop {
        tokio::select! {
            ended = &mut service => {
                tell(&[NotifyState::Stopping]);
                return ended;
            }
            () = signals.next() => {}
            never = &mut watchdog => match never {},
        }
        if shutdown.is_cancelled() {
            return Err(Fault::failure(
                "stopped at the second signal: work in hand goes on elsewhere when its lease ends",
            )
            .into());
        }
        note("stopping; the same signal again stops at once");
        tell(&[NotifyState::Stopping]);
        shutdown.cancel();
    }
}

/// Waits for the shutdown, or for a part that fails again and again: then an error ends the process, and whatever started it
/// starts it anew.
pub(crate) async fn until(shutdown: &CancellationToken, failed: impl Future<Output = String>) -> anyhow::Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        problem = failed => Err(Fault::failure(problem).into()),
    }
}

/// Shows systemd a sign of life, twice as often as it asks for one. Never ends.
async fn feed_watchdog() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// Tells systemd, if it is there.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
