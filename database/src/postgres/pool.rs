//! The pool: opens connections on demand.

use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, Row as _, raw_sql};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::breaks::{Breaks, was_idle_for_long};
use super::pooler::leads_to_pooler;
use super::session::PostgresSession;
use crate::Commits;
use crate::limits::PING_TIME_MAX;

/// Settings of the pool and its sessions.
#[derive(Clone, Debug)]
pub struct PostgresPoolOptions {
    /// Maximum number of connections.
    pub connections_max: u32,
    /// Longest wait of a call for a free connection, or for the server to return.
    pub acquire_time_max: Duration,
    /// Longest wait of a call for the answer to a statement.
    pub answer_time_max: Duration,
    /// Statements that set up a session; may be empty.
    pub session_settings: String,
    /// Statements that set up a transaction, used behind a pooler, where sessions are shared with others.
    pub transaction_settings: String,
    /// `true` if there is known to be a transaction pooler. Otherwise it is detected.
    pub has_transaction_pooler: bool,
}

/// Connections to the server, or the pooler, at one address.
#[derive(Debug)]
pub struct PostgresPool {
    server: PgConnectOptions,
    options: PostgresPoolOptions,
    pool: PgPool,
    /// Detected at the first use, so that a pool can be created while the server is down.
    is_pooled: Arc<OnceCell<bool>>,
    breaks: Breaks,
    commits: Commits,
}

impl PostgresPool {
    /// Creates a pool that connects at its first use.
    pub fn new(server: PgConnectOptions, options: PostgresPoolOptions) -> Self {
        let is_pooled = Arc::new(OnceCell::new_with(options.has_transaction_pooler.then_some(true)));
        let breaks = Breaks::default();
        let pool = open(server.clone(), &options, breaks.clone(), Arc::clone(&is_pooled));
        Self { server, options, pool, is_pooled, breaks, commits: Commits::default() }
    }

    /// Takes a connection, for one call.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`], or the reason why the server refuses connections.
    pub async fn session(&self) -> Result<PostgresSession, Error> {
        let is_pooled = self.is_pooled().await?;
        let connection = match self.pool.acquire().await {
            Err(Error::PoolTimedOut) => {
                // A bare time-out would hide the cause: sqlx retries failed connections silently until the time is
                // over.
                let refused = |reason| Error::Io(IoError::new(ErrorKind::TimedOut, reason));
                return Err(self.breaks.refusal().map_or(Error::PoolTimedOut, refused));
            }
            acquired => acquired?,
        };
        let begin = is_pooled.then(|| format!("BEGIN; {}", self.options.transaction_settings));
        let (breaks, commits) = (self.breaks.clone(), self.commits.clone());
        Ok(PostgresSession::new(connection, self.options.answer_time_max, breaks, commits, begin))
    }

    /// Returns `true` if there is a transaction pooler, which may give each transaction another connection. Session
    /// settings, named statements and `LISTEN` cannot be used then.
    ///
    /// # Errors
    /// The server is unreachable or refuses the connection.
    pub async fn is_pooled(&self) -> Result<bool, Error> {
        let found = self.is_pooled.get_or_try_init(|| async {
            let found = leads_to_pooler(&self.server, self.options.acquire_time_max).await?;
            if found {
                tracing::info!(
                    "the database is behind a transaction pooler: every statement runs in a transaction of its own"
                );
            }
            Ok(found)
        });
        found.await.copied()
    }

    /// Returns the record of broken connections.
    pub fn breaks(&self) -> &Breaks {
        &self.breaks
    }

    /// Returns the evidence, from commits, that the server accepts writes.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Closes every connection, and refuses to open more.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn open(
    server: PgConnectOptions,
    options: &PostgresPoolOptions,
    breaks: Breaks,
    is_pooled: Arc<OnceCell<bool>>,
) -> PgPool {
    let (suspects, refusals, settings) = (breaks.clone(), breaks, options.session_settings.clone());
    PgPoolOptions::new()
        .max_connections(options.connections_max.max(1))
        .acquire_timeout(options.acquire_time_max)
        // Pinging before every use would double the round trips. Only connections that were idle for long are pinged,
        // below.
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let (is_outdated, is_suspect) = (suspects.is_outdated(&metadata), was_idle_for_long(metadata.idle_for));
            Box::pin(async move {
                // `false` makes the pool close this connection and take another.
                if is_outdated || !is_suspect {
                    return Ok(!is_outdated);
                }
                Ok(matches!(timeout(PING_TIME_MAX, connection.ping()).await, Ok(Ok(()))))
            })
        })
        .after_connect(move |connection, _| {
            let refusals = refusals.clone();
            let settings = if is_pooled.get() == Some(&true) { String::new() } else { settings.clone() };
            Box::pin(async move {
                let prepared = match prepare_session(connection, &settings).await {
                    Ok(false) => return Ok(()),
                    // The open connections lead to this same read-only server, or to the one that it replaced.
                    Ok(true) => {
                        refusals.note_demotion();
                        Err(read_only())
                    }
                    Err(error) => Err(error),
                };
                prepared.inspect_err(|error| refusals.note_refusal(error.to_string()))
            })
        })
        .connect_lazy_with(server)
}

/// Prepares a new session; returns `true` if its server is read-only: a standby, or a demoted primary. Behind a pooler,
/// session settings would leak to other clients, so that `settings` is empty there.
async fn prepare_session(connection: &mut PgConnection, settings: &str) -> Result<bool, Error> {
    // Both in one message, so that a new connection costs a single extra round trip.
    let statements = format!("{settings}; SHOW transaction_read_only");
    let rows = connection.fetch_all(raw_sql(AssertSqlSafe(statements))).await?;
    let is_read_only = |row: &PgRow| row.try_get::<String, _>("transaction_read_only").is_ok_and(|on| on == "on");
    Ok(rows.last().is_some_and(is_read_only))
}

fn read_only() -> Error {
    let words = "the server takes no writes: it is a standby or was demoted, or `default_transaction_read_only` is on";
    Error::Io(IoError::other(words))
}
