//! New connections, and checks of the server.

use std::time::Duration;

use apiary_database::{PostgresPool, PostgresPoolOptions, describe};
use apiary_store::{StoreError, StoreResult};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Row as _, raw_sql};

use crate::PostgresOptions;
use crate::fault::Fault;

/// The least `server_version_num`: version 13.
const VERSION_MIN: i32 = 130_000;
/// The time after which the server rolls back a transaction that the broker left open.
const IDLE_IN_TRANSACTION_MAX: Duration = Duration::from_secs(20);
/// The time that a caller waits for a statement beyond the server's own limit.
// Longer than the server's limit, so that as a rule the server ends the statement and says so. Only a dead connection runs into this.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// Reads a URL. The error contains no part of it: it may hold a password.
pub(super) fn read_url(url: &str) -> StoreResult<PgConnectOptions> {
    let options = apiary_database::read_url(url).map_err(|error| StoreError::Open(error.to_string()))?;
    Ok(options.application_name("apiary-broker"))
}

/// Opens a connection outside of the pool.
///
/// # Errors
/// [`StoreError::Open`], with advice, for a wrong password or database; [`StoreError::Unavailable`] if the server does not answer.
pub(super) async fn connect_once(options: &PgConnectOptions, time_max: Duration) -> StoreResult<PgConnection> {
    let server = describe(options);
    match tokio::time::timeout(time_max, PgConnection::connect_with(options)).await {
        Err(_) => Err(StoreError::Unavailable(format!("{server}: no answer within {} s", time_max.as_secs()))),
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(unreachable(&server, error)),
    }
}

/// Refuses servers that are too old, or whose encoding cannot hold every text.
pub(super) async fn check_server(connection: &mut PgConnection, server: &str) -> StoreResult<()> {
    // Not prepared: a pooler may stand in between, and may execute it on another server connection than the one that prepared it.
    let facts = raw_sql(include_str!("connections/facts.sql"))
        .fetch_one(connection)
        .await
        .map_err(|error| StoreError::from(Fault::from(error)))?;
    let read = |column| facts.try_get::<String, _>(column).unwrap_or_default();
    let (version, encoding) = (read("version"), read("encoding"));
    if version.parse::<i32>().unwrap_or(0) < VERSION_MIN {
        return Err(StoreError::Open(format!("{server}: version {version} is too old; PostgreSQL 13 is the least")));
    }
    // Signed documents are UTF-8. Another encoding refuses some characters or, as SQL_ASCII, checks nothing.
    if encoding != "UTF8" {
        return Err(StoreError::Open(format!(
            "{server}: the database's encoding is {encoding}; create one with `CREATE DATABASE … ENCODING 'UTF8' \
             TEMPLATE template0`"
        )));
    }
    Ok(())
}

/// Returns the pool. It opens connections on demand.
pub(super) fn pool(server: PgConnectOptions, options: &PostgresOptions) -> PostgresPool {
    PostgresPool::new(
        server,
        PostgresPoolOptions {
            connections_max: options.connections_max,
            acquire_time_max: options.acquire_time_max,
            answer_time_max: options.statement_time_max + ANSWER_GRACE,
            session_settings: settings(options, false),
            transaction_settings: settings(options, true),
            has_transaction_pooler: options.has_transaction_pooler,
        },
    )
}

/// Returns the statement with the settings of a session or, with `is_local`, of a transaction.
fn settings(options: &PostgresOptions, is_local: bool) -> String {
    let times = [options.statement_time_max, options.lock_time_max, IDLE_IN_TRANSACTION_MAX];
    let numbered = times.iter().zip(["$1", "$2", "$3"]);
    let statement = include_str!("connections/prepare.sql").replace("$4", if is_local { "true" } else { "false" });
    // Values in the text instead of parameters: behind a pooler it is sent in one message with `BEGIN`, as plain text. All of them
    // are numbers of milliseconds, so nothing needs escaping.
    numbered.fold(statement, |statement, (time, name)| statement.replace(name, &format!("'{}ms'", time.as_millis())))
}

fn unreachable(server: &str, error: sqlx::Error) -> StoreError {
    // The class of the code decides: a wrong password (28) or database (3D) stays wrong however often it is tried.
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
