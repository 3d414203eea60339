//! Wakes the reader when rows were committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::table::OutboxTable;
use crate::limits::{OUTBOX_ANSWER_TIMEOUT, OUTBOX_CONNECT_TIMEOUT, OUTBOX_PAUSE, OUTBOX_POLL, OUTBOX_POLL_LISTENING};

/// Channel of the notifications.
const CHANNEL: &str = "apiary_outbox";

/// The signal to look for rows. Several notifications in a row are one signal.
#[derive(Debug, Default)]
pub(super) struct Wakeup {
    signal: Notify,
    is_listening: AtomicBool,
}

impl Wakeup {
    /// Returns true while notifications arrive.
    pub(super) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Relaxed)
    }

    /// Waits for a notification, or until it is time to look without one.
    pub(super) async fn wait(&self) {
        let poll = if self.is_listening() { OUTBOX_POLL_LISTENING } else { OUTBOX_POLL };
        // A time-out is no failure: it is time to look.
        drop(timeout(poll, self.signal.notified()).await);
    }

    /// Listens on a connection of its own, and connects again when that fails. Ends behind a transaction pooler, which
    /// forwards no notifications.
    pub(super) async fn listen(self: Arc<Self>, table: &OutboxTable) {
        loop {
            match table.is_pooled().await {
                Ok(true) => {
                    let poll_s = OUTBOX_POLL.as_secs();
                    tracing::info!(
                        "the outbox is read every {poll_s} s: a transaction pooler forwards no notifications"
                    );
                    return;
                }
                Ok(false) => match subscribe(table).await {
                    Ok(listener) => self.forward(listener).await,
                    Err(error) => tracing::debug!(%error, "no connection for notifications of the outbox"),
                },
                Err(error) => tracing::debug!(%error, "no connection to the outbox"),
            }
            self.is_listening.store(false, Ordering::Relaxed);
            sleep(OUTBOX_PAUSE).await;
        }
    }

    /// Passes notifications on until the connection breaks.
    async fn forward(&self, mut listener: PgListener) {
        self.is_listening.store(true, Ordering::Relaxed);
        tracing::info!("the outbox announces new rows");
        // Rows may have been committed before it listened.
        self.signal.notify_one();
        loop {
            match listener.try_recv().await {
                Ok(Some(_)) => self.signal.notify_one(),
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "the connection for notifications of the outbox broke");
                    return;
                }
            }
        }
    }
}

async fn subscribe(table: &OutboxTable) -> Result<PgListener, sqlx::Error> {
    // A pool of one that keeps its connection: the listener needs a pool.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(OUTBOX_CONNECT_TIMEOUT)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(table.server().clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    let listening = timeout(OUTBOX_ANSWER_TIMEOUT, listener.listen(CHANNEL)).await;
    listening.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(listener)
}
