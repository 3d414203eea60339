//! SIGHUP, a service manager's `reload`: what can be read again is, without a restart, and nothing ends by it.

use std::convert::Infallible;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::context::Context;
use crate::exit::Fault;
use crate::output::note;
use crate::settings::{Flags, Place, Settings};

/// The place of the settings, from which they can be read again.
pub(crate) struct Source {
    place: Place,
    flags: Flags,
}

impl Source {
    /// The settings at this place, with these flags over them.
    pub(crate) fn new(place: Place, flags: Flags) -> Self {
        Self { place, flags }
    }

    /// Reads them.
    pub(crate) fn load(&self) -> Result<Settings, Fault> {
        Settings::load(&self.place, &self.flags, &|name| std::env::var(name).ok())
    }
}

/// SIGHUP. Made before a service starts, so that one that comes during the start ends nothing.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// From now on, SIGHUP ends nothing.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        signal(SignalKind::hangup()).map(Self).context("signals cannot be listened to")
    }

    /// Reads again, at each signal, the log's level, and what the service has besides; `own` says whether that is anything.
    pub(crate) async fn heed(&mut self, context: &Context, own: impl Fn() -> bool) -> Infallible {
        loop {
            // There is no end of signals.
            if self.0.recv().await.is_none() {
                return std::future::pending().await;
            }
            let is_own = own();
            if !follow_log_level(context) && !is_own {
                // Past the log, whose level may leave it out: whoever sent the signal looks for an answer.
                note(
                    "SIGHUP: nothing to reload; the files of TLS are read for each new connection, other settings at the start",
                );
            }
        }
    }
}

/// Takes up the log's level from the settings; whether it is another one now, or the settings cannot be read.
fn follow_log_level(context: &Context) -> bool {
    let Some(source) = &context.source else { return false };
    match source.load() {
        Ok(settings) => context.log.follow(&settings),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP: the settings cannot be read, those in effect stay");
            true
        }
    }
}
