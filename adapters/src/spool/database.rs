//! The spool's file: opened, checked, and made if it is new.

use std::path::Path;
use std::time::Duration;

use apiary_identity::Id;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::totals::SpoolTotals;
use crate::SpoolError;

const APPLICATION_ID: i64 = 1_095_780_680;
const VERSION: i64 = 1;

/// Opens a spool that belongs to `colony`, or to nobody yet.
pub(super) async fn open(path: &Path, colony: Id) -> Result<(SqliteConnection, SpoolTotals), SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(2));
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(sql)?;
    prepare(&mut connection, path).await?;
    let verdict: String =
        sqlx::query_scalar(include_str!("check.sql")).fetch_one(&mut connection).await.map_err(sql)?;
    if verdict != "ok" {
        return Err(SpoolError::Damaged { path: path.to_owned(), problem: verdict });
    }
    let totals = totals(&mut connection).await.map_err(sql)?;
    claim(&mut connection, path, colony, &totals).await?;
    Ok((connection, totals))
}

/// Counts what is there.
pub(super) async fn totals(connection: &mut SqliteConnection) -> Result<SpoolTotals, sqlx::Error> {
    let row = sqlx::query(include_str!("totals.sql")).fetch_one(&mut *connection).await?;
    let number = |column| row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(SpoolTotals {
        waiting_events: number("waiting_events")?,
        waiting_bytes: number("waiting_bytes")?,
        set_aside_events: number("set_aside_events")?,
        set_aside_bytes: number("set_aside_bytes")?,
        oldest_ms: sqlx::query_scalar(include_str!("oldest.sql")).fetch_optional(connection).await?,
        ..SpoolTotals::default()
    })
}

/// Makes the tables of a new file; refuses files of others.
async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let row = sqlx::query(include_str!("application.sql")).fetch_one(&mut *connection).await.map_err(sql)?;
    let number = |column| row.try_get::<i64, _>(column).map_err(sql);
    let foreign = |problem: &str| Err(SpoolError::Foreign { path: path.to_owned(), problem: problem.to_owned() });
    match (number("application_id")?, number("user_version")?, number("tables")?) {
        (0, 0, 0) => {
            // In one transaction: whoever dies half-way leaves an empty file.
            let mut transaction = connection.begin().await.map_err(sql)?;
            let made = sqlx::raw_sql(include_str!("migrations/0001_spool.sql")).execute(&mut *transaction).await;
            made.map_err(sql)?;
            transaction.commit().await.map_err(sql)
        }
        (APPLICATION_ID, VERSION, _) => Ok(()),
        (APPLICATION_ID, _, _) => foreign("is of a later version: start that version of the adapter"),
        _ => foreign("is another program's database: give the adapter a folder of its own"),
    }
}

/// Binds the spool to a colony: events that came for one must never be forwarded to another.
async fn claim(
    connection: &mut SqliteConnection,
    path: &Path,
    colony: Id,
    totals: &SpoolTotals,
) -> Result<(), SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let wanted = colony.to_string();
    let owner: Option<String> =
        sqlx::query_scalar(include_str!("owner.sql")).fetch_optional(&mut *connection).await.map_err(sql)?;
    match owner {
        Some(owner) if owner == wanted => return Ok(()),
        Some(owner) if totals.events() > 0 => {
            return Err(SpoolError::Colony { path: path.to_owned(), colony: owner, events: totals.events() });
        }
        _ => {}
    }
    let mut transaction = connection.begin().await.map_err(sql)?;
    sqlx::query(include_str!("disown.sql")).execute(&mut *transaction).await.map_err(sql)?;
    sqlx::query(include_str!("own.sql")).bind(wanted).execute(&mut *transaction).await.map_err(sql)?;
    transaction.commit().await.map_err(sql)
}

#[cfg(test)]
mod tests {
    use apiary_identity::KeyPair;

    use super::open;

    #[tokio::test]
    async fn a_commit_is_on_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spool.sqlite");
        std::fs::write(&file, b"").unwrap();
        let (mut connection, _) = open(&file, KeyPair::generate().id()).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
        assert_eq!((journal.as_str(), synchronous), ("wal", 2), "2 is FULL: https://www.sqlite.org/pragma.html");
    }
}
