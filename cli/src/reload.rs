//! SIGHUP, a service manager's `reload`: reads again the settings that can change without a restart.

use std::convert::Infallible;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::context::Context;
use crate::exit::Fault;
use crate::output::note;
use crate::settings::{Flags, SearchPath, Settings};

/// The place of the settings, from which they can be read again.
pub(crate) struct Source {
    place: SearchPath,
    flags: Flags,
}

impl Source {
    /// Creates a source from this place, with these flags on top.
    pub(crate) fn new(place: SearchPath, flags: Flags) -> Self {
        Self { place, flags }
    }

    /// Reads the settings.
    pub(crate) fn load(&self) -> Result<Settings, Fault> {
        Settings::load(&self.place, &self.flags, &|name| std::env::var(name).ok())
    }
}

/// SIGHUP. Created before a service starts, so that a signal during the start does not end the process.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Starts to receive SIGHUP, which no longer ends the process.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        signal(SignalKind::hangup()).map(Self).context("receiving signals failed")
    }

    /// Applies the log's level and the service's own settings at each signal; `own` returns true if the service has
    /// changed something.
    pub(crate) async fn heed(&mut self, context: &Context, own: impl Fn() -> bool) -> Infallible {
        loop {
            // The signal stream never ends.
            if self.0.recv().await.is_none() {
                return std::future::pending().await;
            }
            let is_own = own();
            if !follow_log_level(context) && !is_own {
                // Not through the log, whose level may exclude the answer to the sender of the signal.
                note(
                    "SIGHUP: nothing to reload; the files of TLS are read for each new connection, other settings at the start",
                );
            }
        }
    }
}

/// Applies the log's level from the settings; returns true if it changed or the settings are unreadable.
fn follow_log_level(context: &Context) -> bool {
    let Some(source) = &context.source else { return false };
    match source.load() {
        Ok(settings) => context.log.follow(&settings),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP: cannot read the settings; those in effect stay");
            true
        }
    }
}
