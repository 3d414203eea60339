//! Opens, checks and creates the spool's file.

use std::path::Path;
use std::time::Duration;

use apiary_database::{SqliteTransaction, SqliteWriter};
use apiary_identity::Id;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, query};

use super::totals::SpoolTotals;
use crate::SpoolError;
use crate::limits::SPOOL_LOG_PAGES;

/// Name of the file in the spool's folder.
pub(super) const FILE: &str = "spool.sqlite";
const APPLICATION_ID: i64 = 1_095_780_680;
const VERSION: i64 = 1;

/// Opens a spool that belongs to `colony`, or to no colony yet.
pub(super) async fn open(path: &Path, colony: Id) -> Result<(SqliteWriter, SpoolTotals), SpoolError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // A short log: before its room is free again, its contents need as much room in the file.
        .pragma("wal_autocheckpoint", SPOOL_LOG_PAGES)
        // An operator's command may hold the write lock for a moment.
        .busy_timeout(Duration::from_secs(2));
    if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
        make(&options).await.map_err(|error| SpoolError::sql(path, &error))?;
    }
    let writer = SqliteWriter::new(options);
    match take(&writer, path, colony).await {
        Ok(totals) => Ok((writer, totals)),
        Err(error) => {
            // Closed before the return, because the caller may open the file again.
            writer.close().await;
            Err(error)
        }
    }
}

/// Creates an empty file that shrinks with the line, so that a full disk regains room. SQLite can set this only in a
/// file without tables, and writes on every request for it, also into a damaged file.
async fn make(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let options = options.clone().auto_vacuum(SqliteAutoVacuum::Full);
    options.connect().await?.close().await
}

/// Checks the file and binds it to the colony, in one transaction: a crash in between leaves a file without tables.
async fn take(writer: &SqliteWriter, path: &Path, colony: Id) -> Result<SpoolTotals, SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let mut transaction = writer.begin().await.map_err(sql)?;
    prepare(&mut transaction, path).await?;
    let verdict = transaction.row(query(include_str!("check.sql"))).await.map_err(sql)?;
    let verdict: String = verdict.map_or(Ok(String::new()), |row| row.try_get(0)).map_err(sql)?;
    if verdict != "ok" {
        return Err(SpoolError::Damaged { path: path.to_owned(), problem: verdict });
    }
    let totals = totals(&mut transaction).await.map_err(sql)?;
    claim(&mut transaction, path, colony, &totals).await?;
    transaction.commit().await.map_err(sql)?;
    Ok(totals)
}

/// Counts events and bytes.
pub(super) async fn totals(transaction: &mut SqliteTransaction) -> Result<SpoolTotals, sqlx::Error> {
    let row = transaction.row(query(include_str!("totals.sql"))).await?.ok_or(sqlx::Error::RowNotFound)?;
    let number = |column| row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or(0));
    Ok(SpoolTotals {
        waiting_events: number("waiting_events")?,
        waiting_bytes: number("waiting_bytes")?,
        set_aside_events: number("set_aside_events")?,
        set_aside_bytes: number("set_aside_bytes")?,
        set_aside_oldest_ms: row.try_get("set_aside_oldest_ms")?,
        set_aside_newest_ms: row.try_get("set_aside_newest_ms")?,
        oldest_ms: oldest_ms(transaction).await?,
        ..SpoolTotals::default()
    })
}

/// Returns the arrival time of the first event in the line.
pub(super) async fn oldest_ms(transaction: &mut SqliteTransaction) -> Result<Option<i64>, sqlx::Error> {
    transaction.row(query(include_str!("oldest.sql"))).await?.map(|row| row.try_get(0)).transpose()
}

/// Returns a text column, with invalid UTF-8 replaced. A text damaged by a failing disk must not hide the other rows,
/// nor block the line.
pub(super) fn text(row: &SqliteRow, column: &str) -> Result<String, sqlx::Error> {
    let bytes: Vec<u8> = row.try_get_unchecked(column)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Creates the tables of a new file; rejects other programs' files.
async fn prepare(transaction: &mut SqliteTransaction, path: &Path) -> Result<(), SpoolError> {
    if check_kind(transaction, path).await? {
        return Ok(());
    }
    let made = transaction.script(include_str!("migrations/0001_spool.sql")).await;
    made.map_err(|error| SpoolError::sql(path, &error))
}

/// Returns true if the file is a spool, false if it is empty. Rejects other programs' files.
async fn check_kind(transaction: &mut SqliteTransaction, path: &Path) -> Result<bool, SpoolError> {
    let row = transaction.row(query(include_str!("application.sql"))).await;
    kind(path, row.map_err(|error| SpoolError::sql(path, &error))?.as_ref())
}

/// Returns the same for a row of `application.sql`.
pub(super) fn kind(path: &Path, row: Option<&SqliteRow>) -> Result<bool, SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let row = row.ok_or(sqlx::Error::RowNotFound).map_err(sql)?;
    let number = |column| row.try_get::<i64, _>(column).map_err(sql);
    let foreign = |problem: &str| Err(SpoolError::Foreign { path: path.to_owned(), problem: problem.to_owned() });
    match (number("application_id")?, number("user_version")?, number("tables")?) {
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, VERSION, _) => Ok(true),
        (APPLICATION_ID, _, _) => foreign("is of a later version: start that version of the adapter"),
        _ => foreign("is another program's database: give the adapter a folder of its own"),
    }
}

/// Binds the spool to a colony: events received for one must never be forwarded to another.
async fn claim(
    transaction: &mut SqliteTransaction,
    path: &Path,
    colony: Id,
    totals: &SpoolTotals,
) -> Result<(), SpoolError> {
    let sql = |error| SpoolError::sql(path, &error);
    let wanted = colony.to_string();
    let owner = transaction.row(query(include_str!("owner.sql"))).await.map_err(sql)?;
    let owner: Option<String> = owner.map(|row| row.try_get(0)).transpose().map_err(sql)?;
    match owner {
        Some(owner) if owner == wanted => return Ok(()),
        Some(owner) if totals.events() > 0 => {
            return Err(SpoolError::Colony { path: path.to_owned(), colony: owner, events: totals.events() });
        }
        _ => {}
    }
    own(transaction, &wanted).await.map_err(sql)
}

/// Writes the owning colony. Serves also as a write test, if the colony is there already.
pub(super) async fn own(transaction: &mut SqliteTransaction, colony: &str) -> Result<(), sqlx::Error> {
    transaction.changed(query(include_str!("disown.sql"))).await?;
    transaction.changed(query(include_str!("own.sql")).bind(colony.to_owned())).await.map(drop)
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
        let (writer, _) = open(&file, KeyPair::generate().id()).await.unwrap();
        let mut connection = writer.connect().await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
        assert_eq!((journal.as_str(), synchronous), ("wal", 2), "2 is FULL: https://www.sqlite.org/pragma.html");
        let vacuum: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut connection).await.unwrap();
        assert_eq!(vacuum, 1, "the file shrinks with the line");
    }
}
