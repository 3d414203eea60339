//! Messages from other brokers.

use std::time::Duration;

use apiary_database::{Breaks, describe, leads_to_pooler};
use apiary_store::{StoreError, StoreResult};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, raw_sql};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::PostgresStore;
use crate::fault::Fault;

/// The notification channel of the brokers.
const CHANNEL: &str = "apiary";
/// The name under which a listener's session is seen by other brokers; `brokers/count_listeners.sql` counts it.
const SESSION_NAME: &str = "apiary broker listener";
/// The greatest number of unread messages. Messages are hints: further ones are dropped, and slow polls find the work.
const MESSAGES_MAX: usize = 1024;
/// The pause before the next attempt to reach the server.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens on a connection of its own until the receiver is dropped or the store closes.
pub(super) async fn listen(store: &PostgresStore) -> StoreResult<Option<mpsc::Receiver<String>>> {
    let is_pooled = store.pool.is_pooled().await.map_err(Fault::from)?;
    // Behind a pooler nothing would arrive: the session that listens is given to another client's next transaction.
    let Some(server) = store.direct.as_ref().or((!is_pooled).then_some(&store.server)) else {
        tracing::info!(
            "other brokers' work is noticed by slow polls: set `broker.database_direct_url` to the server's own URL, past the \
             pooler, for it to be noticed at once"
        );
        return Ok(None);
    };
    if store.direct.is_some() {
        check_direct(server, store.options.acquire_time_max).await?;
    }
    let ear = Ear { server: server.clone(), acquire_time_max: store.options.acquire_time_max };
    // The first subscription is made here and not in the task, so that no message is missed after this method returned.
    let listener = ear.subscribe().await.map_err(|error| StoreError::from(Fault::from(error)))?;
    let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
    store.listeners.spawn(run(ear, listener, store.pool.breaks().clone(), sender, store.stop.clone()));
    Ok(Some(receiver))
}

/// Refuses a direct URL that leads to a pooler: no message would ever arrive there, and no error would say so.
async fn check_direct(server: &PgConnectOptions, time_max: Duration) -> StoreResult<()> {
    if leads_to_pooler(server, time_max).await.map_err(|error| StoreError::from(Fault::from(error)))? {
        return Err(StoreError::Open(format!(
            "broker.database_direct_url leads to a connection pooler ({}): give it the server's own URL, or leave it out",
            describe(server)
        )));
    }
    Ok(())
}

async fn run(
    ear: Ear,
    mut listener: PgListener,
    breaks: Breaks,
    sender: mpsc::Sender<String>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sender.closed() => return,
            error = forward(&mut listener, &sender) => {
                tracing::warn!(%error, "lost the connection for messages between brokers; other brokers' work is noticed later \
                    until it is back");
            }
            // After a failover the old server keeps its listeners connected, and sends them nothing. A break elsewhere hints at that.
            () = breaks.next() => tracing::debug!("the connection for messages broke; connecting again"),
        }
        // Messages that were sent meanwhile are lost. That is allowed: they are hints.
        listener = tokio::select! {
            () = stop.cancelled() => return,
            () = sender.closed() => return,
            again = ear.subscribe_again() => again,
        };
    }
}

/// A subscriber, which listens on a new connection each time.
struct Ear {
    server: PgConnectOptions,
    acquire_time_max: Duration,
}

impl Ear {
    async fn subscribe(&self) -> Result<PgListener, sqlx::Error> {
        // A pool of one that keeps its connection for ever: the listener needs a pool to reconnect through.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.acquire_time_max)
            .max_lifetime(None)
            .idle_timeout(None)
            // Once more, because Supavisor in session mode passes on no name. Here, because the listener reconnects by itself.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let name = format!("SET application_name = '{SESSION_NAME}'");
                    raw_sql(AssertSqlSafe(name)).execute(connection).await.map(drop)
                })
            })
            .connect_lazy_with(self.server.clone().application_name(SESSION_NAME));
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        // A greeting, so that a broker that was alone begins to send at once.
        sqlx::query(include_str!("brokers/notify.sql")).bind("").execute(&mut listener).await?;
        Ok(listener)
    }

    async fn subscribe_again(&self) -> PgListener {
        loop {
            // Before the first attempt, too: all brokers lose their connections at once, and must not hit a restarting server at once.
            tokio::time::sleep(PAUSE).await;
            match self.subscribe().await {
                Ok(listener) => return listener,
                Err(error) => tracing::debug!(%error, "still no connection for messages between brokers"),
            }
        }
    }
}

/// Forwards messages until the connection fails. sqlx reconnects after the usual breaks by itself.
async fn forward(listener: &mut PgListener, sender: &mpsc::Sender<String>) -> sqlx::Error {
    loop {
        match listener.recv().await {
            Ok(notification) => {
                // Never waits for the reader: while the connection is not read, the server cannot discard the messages.
                if sender.try_send(notification.payload().to_owned()).is_err() {
                    tracing::debug!("dropped a message from another broker: this broker reads too slowly");
                }
            }
            Err(error) => return error,
        }
    }
}
