//! Detection of a transaction pooler, which gives each transaction of a connection another session of the server.

use std::io::{Error as IoError, ErrorKind};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Error, Executor as _, Row as _, raw_sql};
use tokio::time::timeout;

use super::breaks::is_break;
use crate::limits::PROOF_TIME_MAX;

/// Name of a custom setting of the start-up. Every server keeps it for the session; most poolers refuse it or lose it.
const MARK: &str = "apiary.direct";
/// Channel of the proof. Always the same: behind a transaction pooler nobody can end the subscription.
const PROOF_CHANNEL: &str = "apiary_proof";

/// Returns `true` if the address leads to a transaction pooler.
///
/// # Errors
/// The server is unreachable, refuses the connection, or does not answer in time.
pub async fn leads_to_pooler(server: &PgConnectOptions, time_max: Duration) -> Result<bool, Error> {
    let late = |_| Err(Error::Io(IoError::new(ErrorKind::TimedOut, "the server did not answer in time")));
    timeout(time_max, is_pooled(server)).await.unwrap_or_else(late)
}

async fn is_pooled(server: &PgConnectOptions) -> Result<bool, Error> {
    // A pooler in session mode (Supavisor on port 5432) loses the mark, too.
    Ok(!keeps_mark(server).await? && !keeps_session(server).await?)
}

/// Connects with a custom setting and reads it back.
async fn keeps_mark(server: &PgConnectOptions) -> Result<bool, Error> {
    match PgConnection::connect_with(&server.clone().options([(MARK, "on")])).await {
        Ok(mut connection) => {
            let ask = raw_sql(AssertSqlSafe(format!("SELECT current_setting('{MARK}', true) AS mark")));
            let mark: Option<String> = connection.fetch_one(ask).await?.try_get("mark")?;
            close(connection).await;
            Ok(mark.as_deref() == Some("on"))
        }
        // PgBouncer refuses an unknown start-up parameter as a protocol violation, other poolers as an unsupported
        // feature.
        Err(Error::Database(error)) if matches!(error.code().as_deref(), Some("08P01" | "0A000")) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns `true` if a connection that is idle gets a notification that another one sends: then it has a session of its
/// own. A transaction pooler ties an idle connection to none, so that there is nothing that it could pass on.
async fn keeps_session(server: &PgConnectOptions) -> Result<bool, Error> {
    // A pool of one, because a listener needs a pool.
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(server.clone());
    let mut idle = PgListener::connect_with(&pool).await?;
    let (own, _) = session_and_token((&mut idle).fetch_one(raw_sql(SESSION_AND_TOKEN)).await?)?;
    let mut other = PgConnection::connect_with(server).await?;
    let (others, token) = session_and_token(other.fetch_one(raw_sql(SESSION_AND_TOKEN)).await?)?;
    // Most transaction poolers are known by this: what is idle they give to the next.
    let is_proved = own != others && hears(&mut idle, &mut other, &token).await?;
    close(other).await;
    Ok(is_proved)
}

/// Asks for the session's process, and for a text that nobody else sends.
const SESSION_AND_TOKEN: &str = "SELECT pg_backend_pid() AS session, gen_random_uuid()::text AS token";

fn session_and_token(row: PgRow) -> Result<(i32, String), Error> {
    Ok((row.try_get("session")?, row.try_get("token")?))
}

async fn hears(idle: &mut PgListener, other: &mut PgConnection, token: &str) -> Result<bool, Error> {
    if let Err(error) = idle.listen(PROOF_CHANNEL).await {
        // Some transaction poolers refuse what would outlive a transaction.
        return if is_break(&error) { Err(error) } else { Ok(false) };
    }
    let notify = format!("SELECT pg_notify('{PROOF_CHANNEL}', '{token}')");
    other.execute(raw_sql(AssertSqlSafe(notify))).await?;
    let heard = timeout(PROOF_TIME_MAX, async {
        // Another program may prove the same at this moment.
        while let Some(notification) = idle.try_recv().await? {
            if notification.payload() == token {
                return Ok(true);
            }
        }
        Ok(false)
    });
    heard.await.unwrap_or(Ok(false))
}

async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection that looked for a pooler did not close cleanly");
    }
}
