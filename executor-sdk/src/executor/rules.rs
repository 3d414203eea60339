//! The guard of a running executor. The colony's rules in it are asked for before the first claim and ever again, and are only
//! replaced by newer ones: whatever the broker says or does not say, no rule that is known is forgotten.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::guard::Guard;
use crate::limits::BACKOFF_MOST;
use crate::retry::pauses;

/// The guard that work is held against.
pub(super) struct Rules {
    guard: RwLock<Arc<Guard>>,
    /// Cancelled once somebody is about to claim.
    wanted: CancellationToken,
    /// The colony's rules were asked for.
    asked: Notify,
}

impl Rules {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard: RwLock::new(Arc::new(guard)), wanted: CancellationToken::new(), asked: Notify::new() }
    }

    /// The guard in effect.
    pub(super) fn guard(&self) -> Arc<Guard> {
        // It is replaced as a whole, so it is whole, whatever panics around it.
        Arc::clone(&self.guard.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the colony's rules were asked for, successfully or not. Needs [`keep`] to be polled meanwhile.
    pub(super) async fn asked(&self) {
        self.wanted.cancel();
        self.asked.notified().await;
    }

    /// Takes what the broker gives as the colony's rules.
    fn take(&self, context: &Context, answer: Option<&apiary_identity::Envelope>) -> Result<(), String> {
        let known = self.guard();
        let Some(envelope) = answer else {
            return match known.colony_version() {
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

/// Keeps the colony's rules up to date, from the first claim on and for as long as it is polled.
pub(super) async fn keep(context: &Context) -> Infallible {
    let (rules, refresh) = (&context.rules, context.settings.guard_refresh);
    rules.wanted.cancelled().await;
    let (mut retries, mut is_troubled) = (pauses(), false);
    loop {
        let taken = match context.client.get_guard().await {
            Ok(answer) => rules.take(context, answer.as_ref()),
            Err(error) => Err(error.to_string()),
        };
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
                        "cannot read the colony's rules; those that are known stay, and it is tried again"
                    );
                }
                retries.next().unwrap_or(BACKOFF_MOST).min(refresh)
            }
        };
        tokio::time::sleep(pause).await;
    }
}
