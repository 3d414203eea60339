//! The pool, which opens connections when they are needed, and finds out what it is connected to.

use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, Row as _, raw_sql};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::breaks::{Breaks, was_idle_for_long};
use super::session::PostgresSession;
use crate::Commits;
use crate::limits::PING_TIME_MAX;

/// A setting that no server knows and every server keeps, so that it comes back only from a server that was asked itself.
const MARK: &str = "apiary.direct";

/// How many connections there are, and how they are used.
#[derive(Clone, Debug)]
pub struct PostgresPoolOptions {
    /// Connections at the most.
    pub connections_max: u32,
    /// Longest time that a call waits for a free connection, or for the server to come back.
    pub acquire_time_max: Duration,
    /// Longest time that a call waits for the answer to a statement.
    pub answer_time_max: Duration,
    /// The statement, if any, that makes the settings of a session.
    pub session_settings: String,
    /// The same for one transaction, where sessions are shared with others.
    pub transaction_settings: String,
    /// Whether a transaction pooler is surely in between. If not, it is found out.
    pub has_transaction_pooler: bool,
}

/// Connections to one server, or to whatever stands where it is.
#[derive(Debug)]
pub struct PostgresPool {
    server: PgConnectOptions,
    options: PostgresPoolOptions,
    pool: PgPool,
    /// Found out at the first use, so that a pool can be made while the server is away.
    is_pooled: Arc<OnceCell<bool>>,
    breaks: Breaks,
    commits: Commits,
}

impl PostgresPool {
    /// A pool that connects at its first use.
    pub fn new(server: PgConnectOptions, options: PostgresPoolOptions) -> Self {
        let is_pooled = Arc::new(OnceCell::new_with(options.has_transaction_pooler.then_some(true)));
        let breaks = Breaks::default();
        let pool = open(server.clone(), &options, breaks.clone(), Arc::clone(&is_pooled));
        Self { server, options, pool, is_pooled, breaks, commits: Commits::default() }
    }

    /// Takes a connection, for one call.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`], or why the server refuses connections.
    pub async fn session(&self) -> Result<PostgresSession, Error> {
        let is_pooled = self.is_pooled().await?;
        let connection = match self.pool.acquire().await {
            Err(Error::PoolTimedOut) => {
                let refused = |reason| Error::Io(IoError::new(ErrorKind::TimedOut, reason));
                return Err(self.breaks.refusal().map_or(Error::PoolTimedOut, refused));
            }
            acquired => acquired?,
        };
        let begin = is_pooled.then(|| format!("BEGIN; {}", self.options.transaction_settings));
        let (breaks, commits) = (self.breaks.clone(), self.commits.clone());
        Ok(PostgresSession::new(connection, self.options.answer_time_max, breaks, commits, begin))
    }

    /// Whether a pooler stands in between that gives each transaction another connection: a session's own settings, named
    /// statements and `LISTEN` cannot be used then.
    ///
    /// # Errors
    /// That the server is away, or lets nobody in.
    pub async fn is_pooled(&self) -> Result<bool, Error> {
        let found = self.is_pooled.get_or_try_init(|| async {
            let found = leads_to_pooler(&self.server, self.options.acquire_time_max).await?;
            if found {
                tracing::info!(
                    "a connection pooler stands before the database: every statement runs in a transaction of its own"
                );
            }
            Ok(found)
        });
        found.await.copied()
    }

    /// When connections broke.
    pub fn breaks(&self) -> &Breaks {
        &self.breaks
    }

    /// What commits say about whether the server takes writes.
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
        // Asking each connection before each use would double the round trips.
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let (is_outdated, is_suspect) = (suspects.is_outdated(&metadata), was_idle_for_long(metadata.idle_for));
            Box::pin(async move {
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
                    // The connections that are open lead to the same server, or to one that it has taken the place of.
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

/// Prepares a new session; true if its server takes no writes: a standby, or a primary that was demoted.
/// Behind a pooler, settings would leak to its other clients: there they are set in each transaction.
async fn prepare_session(connection: &mut PgConnection, settings: &str) -> Result<bool, Error> {
    let statements = format!("{settings}; SHOW transaction_read_only");
    let rows = connection.fetch_all(raw_sql(AssertSqlSafe(statements))).await?;
    let is_read_only = |row: &PgRow| row.try_get::<String, _>("transaction_read_only").is_ok_and(|on| on == "on");
    Ok(rows.last().is_some_and(is_read_only))
}

fn read_only() -> Error {
    let words = "the server takes no writes: it is a standby or was demoted, or `default_transaction_read_only` is on";
    Error::Io(IoError::other(words))
}

/// Whether a pooler stands there that gives each transaction another connection.
///
/// # Errors
/// That the server is away, lets nobody in, or does not answer in this time.
pub async fn leads_to_pooler(server: &PgConnectOptions, time_max: Duration) -> Result<bool, Error> {
    let late = |_| Err(Error::Io(IoError::new(ErrorKind::TimedOut, "the server did not answer in time")));
    timeout(time_max, is_pooled(server)).await.unwrap_or_else(late)
}

/// Connects with a setting of our own, and asks for it: a pooler refuses the setting, or forgets it on the way.
async fn is_pooled(server: &PgConnectOptions) -> Result<bool, Error> {
    match PgConnection::connect_with(&server.clone().options([(MARK, "on")])).await {
        Ok(mut connection) => {
            let ask = raw_sql(AssertSqlSafe(format!("SELECT current_setting('{MARK}', true) AS mark")));
            let mark: Option<String> = connection.fetch_one(ask).await?.try_get("mark")?;
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "the first connection did not close cleanly");
            }
            Ok(mark.as_deref() != Some("on"))
        }
        // Protocol violation: how PgBouncer refuses a start-up parameter. Feature not supported: how others do.
        Err(Error::Database(error)) if matches!(error.code().as_deref(), Some("08P01" | "0A000")) => Ok(true),
        Err(error) => Err(error),
    }
}
