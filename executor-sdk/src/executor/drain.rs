//! Shutdown without loss: handlers finish, or their work is released.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::works::Works;
use crate::limits::{CANCEL_GRACE, RELEASE_TIMEOUT};

/// Time after handlers were given up: to return, to be dropped, and to release the work.
const LAST_STEPS: Duration = CANCEL_GRACE.saturating_add(RELEASE_TIMEOUT).saturating_add(Duration::from_secs(2));

/// Waits for the works in progress, up to the drain timeout or until `hurry`; then releases the rest.
pub(super) async fn run(context: &Context, mut works: Works, hurry: &CancellationToken) {
    let in_hand = works.count();
    if in_hand > 0 {
        tracing::info!(
            in_hand,
            timeout_s = context.settings.drain_timeout.as_secs(),
            "stopping: waiting for work in progress"
        );
    }
    tokio::select! {
        biased;
        () = works.finished() => {}
        () = hurry.cancelled() => context.give_up.cancel(),
        () = tokio::time::sleep(context.settings.drain_timeout) => context.give_up.cancel(),
    }
    if context.give_up.is_cancelled() {
        tracing::warn!(in_hand = works.count(), "stopping: cancelling the work that is left");
        if timeout(LAST_STEPS, works.finished()).await.is_err() {
            tracing::error!(in_hand = works.count(), "stopped with unfinished work; its leases will expire");
        }
    }
    tracing::info!("stopped");
}
