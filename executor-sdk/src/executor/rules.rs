//! The guard of a running executor. The colony's rules are read before the first claim and then periodically, and are
//! only replaced by newer ones: no answer of the broker removes a known rule.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::guard::Guard;
use crate::limits::BACKOFF_MOST;
use crate::retry::pauses;

/// The guard in effect.
pub(super) struct Rules {
    guard: RwLock<Arc<Guard>>,
    /// Cancelled before the first claim, to start the reading of the rules.
    wanted: CancellationToken,
    /// Notified after each request for the colony's rules.
    asked: Notify,
}

impl Rules {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard: RwLock::new(Arc::new(guard)), wanted: CancellationToken::new(), asked: Notify::new() }
    }

    /// Returns the guard in effect.
    pub(super) fn guard(&self) -> Arc<Guard> {
        // Valid after a panic: the guard is only replaced as a whole.
        Arc::clone(&self.guard.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the colony's rules were requested, successfully or not. [`keep`] must be polled meanwhile.
    pub(super) async fn asked(&self) {
        self.wanted.cancel();
        self.asked.notified().await;
    }

    /// Adopts the broker's answer as the colony's rules, if it is newer and verifies.
    fn take(&self, context: &Context, answer: Option<&apiary_identity::Envelope>) -> Result<(), String> {
        let known = self.guard();
        let Some(envelope) = answer else {
            return match known.colony_version() {
                // No rules are known, so that the broker may be right that there are none. Once some are known, it must
                // be withholding them.
                None => Ok(()),
                Some(version) => {
                    Err(format!("the broker has none of the colony's rules; version {version} stays in effect"))
                }
            };
        };
        let mut guard = Guard::clone(&known);
        guard.with_colony(&context.client.colony(), envelope).map_err(|error| error.to_string())?;
        let version = guard.colony_version();
        if version != known.colony_version() {
            *self.guard.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(guard);
            tracing::info!(version, "the colony's rules are in effect");
        }
        Ok(())
    }
}

/// Keeps the colony's rules up to date, from the first claim on. Never returns.
pub(super) async fn keep(context: &Context) -> Infallible {
    let (rules, refresh) = (&context.rules, context.settings.guard_refresh);
    rules.wanted.cancelled().await;
    let (mut retries, mut is_troubled) = (pauses(), false);
    loop {
        let taken = match context.client.get_guard().await {
            Ok(answer) => rules.take(context, answer.as_ref()),
            Err(error) => Err(error.to_string()),
        };
        // Also after a failure: a broker that does not give the rules must not keep the executor from all work. Its own
        // rules still apply.
        rules.asked.notify_one();
        let pause = match taken {
            Ok(()) => {
                if std::mem::take(&mut is_troubled) {
                    tracing::info!("the colony's rules can be read again");
                }
                retries = pauses();
                refresh
            }
            Err(problem) => {
                if !std::mem::replace(&mut is_troubled, true) {
                    tracing::warn!(
                        problem,
                        "cannot read the colony's rules; the known ones stay in effect; trying again"
                    );
                }
                retries.next().unwrap_or(BACKOFF_MOST).min(refresh)
            }
        };
        tokio::time::sleep(pause).await;
    }
}
