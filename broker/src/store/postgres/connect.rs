//! Opening connections, and telling the broken ones.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Row as _};

use super::PostgresOptions;
use super::fault::Fault;
use crate::store::{StoreError, StoreResult};

/// A connection that was idle for longer is asked for a sign of life: firewalls forget idle connections silently.
const IDLE_TRUST: Duration = Duration::from_secs(20);
/// What Postgres answers `server_version_num` with must be at least this: version 13.
const VERSION_MIN: i32 = 130_000;
/// A transaction that the broker left open is rolled back by the server after this long.
const IDLE_IN_TRANSACTION_MAX: Duration = Duration::from_secs(20);
/// How long a suspect connection may take to give a sign of life.
const PING_TIME_MAX: Duration = Duration::from_secs(2);

/// When a connection last broke. Connections from before that moment are asked for a sign of life before they are
/// used, so that a restart of the database costs each caller at most one failed call, not one for each connection.
/// Without a break, no round trip is spent on asking.
#[derive(Clone, Default)]
pub(super) struct Breaks(Arc<Mutex<Option<Instant>>>);

impl Breaks {
    /// A connection just broke.
    pub(super) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_suspect(&self, connection: &PoolConnectionMetadata) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connection.idle_for > IDLE_TRUST || last.is_some_and(|at| at.elapsed() <= connection.age)
    }
}

/// Reads a URL. Its password is in no error.
pub(super) fn read_url(url: &str) -> StoreResult<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        StoreError::Open(format!(
            "the database URL cannot be read ({error}): write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special \
             characters in the password percent-encoded"
        ))
    })?;
    // Poolers refuse start-up parameters that they do not know, and no statement here prints a float.
    Ok(options.application_name("apiary-broker").extra_float_digits(None))
}

/// Names the server, without the password.
pub(super) fn describe(options: &PgConnectOptions) -> String {
    format!(
        "postgres at {}:{}, database `{}`, user `{}`",
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username()),
        options.get_username()
    )
}

/// One connection outside of the pool. A wrong password or database is [`StoreError::Open`], with advice.
pub(super) async fn connect_once(options: &PgConnectOptions, time_max: Duration) -> StoreResult<PgConnection> {
    let server = describe(options);
    match tokio::time::timeout(time_max, PgConnection::connect_with(options)).await {
        Err(_) => Err(StoreError::Unavailable(format!("{server}: no answer within {} s", time_max.as_secs()))),
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(unreachable(&server, error)),
    }
}

/// Refuses servers that would keep something else than what they are given.
pub(super) async fn check_server(connection: &mut PgConnection, server: &str) -> StoreResult<()> {
    let facts = sqlx::query(include_str!("connections/facts.sql"))
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| StoreError::from(Fault::from(error)))?;
    let read = |column| facts.try_get::<String, _>(column).unwrap_or_default();
    let (version, encoding) = (read("version"), read("encoding"));
    if version.parse::<i32>().unwrap_or(0) < VERSION_MIN {
        return Err(StoreError::Open(format!("{server}: version {version} is too old; PostgreSQL 13 is the least")));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Open(format!(
            "{server}: the database's encoding is {encoding}; create one with `CREATE DATABASE … ENCODING 'UTF8' \
             TEMPLATE template0`"
        )));
    }
    Ok(())
}

/// The pool. It opens connections when they are needed.
pub(super) fn pool(server: PgConnectOptions, options: &PostgresOptions, breaks: Breaks) -> PgPool {
    let pool = PgPoolOptions::new()
        .max_connections(options.connections_max.max(1))
        .acquire_timeout(options.acquire_time_max)
        // Asking each connection before each use would double the round trips; `Breaks` asks when there is reason to.
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let is_suspect = breaks.is_suspect(&metadata);
            Box::pin(async move {
                Ok(!is_suspect || matches!(tokio::time::timeout(PING_TIME_MAX, connection.ping()).await, Ok(Ok(()))))
            })
        });
    if options.has_transaction_pooler {
        return pool.connect_lazy_with(server);
    }
    let times = [options.statement_time_max, options.lock_time_max, IDLE_IN_TRANSACTION_MAX];
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move {
            let mut prepare = sqlx::query(include_str!("connections/prepare.sql")).persistent(false);
            for time in times {
                prepare = prepare.bind(format!("{}ms", time.as_millis()));
            }
            prepare.execute(connection).await.map(|_| ())
        })
    });
    pool.connect_lazy_with(server)
}

fn unreachable(server: &str, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
    match code.get(..2) {
        Some("28") => StoreError::Open(format!("{server}: {error}; check user and password in the database URL")),
        Some("3D") => StoreError::Open(format!("{server}: {error}; create it, or name another in the database URL")),
        _ => match error {
            sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => {
                StoreError::Open(format!("{server}: {error}; check the `sslmode` in the database URL"))
            }
            other => StoreError::Unavailable(format!("{server}: {other}; is it running, and reachable from here?")),
        },
    }
}
