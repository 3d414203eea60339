//! Brings a file to this version's schema.

use std::path::Path;

use apiary_database::SqliteTransaction;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection, query};

use super::super::error::RecordError;
use super::error;

/// Step n brings a file from version n to n + 1; the file itself keeps its number (`user_version`).
const STEPS: [&str; 1] = [include_str!("schema.sql")];
/// What marks a file as ours (<https://www.sqlite.org/pragma.html#pragma_application_id>): "APFN".
const APPLICATION_ID: i64 = 0x4150_464e;

/// Refuses a database that is another program's, before anything in it is changed: not even its journal mode.
pub(super) async fn refuse_foreign(path: &Path) -> Result<(), RecordError> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(error::of)?;
    let found = sqlx::query(include_str!("owner.sql")).fetch_one(&mut connection).await.map_err(error::of)?;
    let number = |column| found.try_get::<i64, _>(column).map_err(error::of);
    let is_ours = match (number("application_id")?, number("tables")?) {
        (APPLICATION_ID, _) | (0, 0) => Ok(()),
        _ => Err(RecordError::Setting("it is another program's database; choose a file of its own".to_owned())),
    };
    connection.close().await.map_err(error::of)?;
    is_ours
}

/// Applies the steps that the file lacks, all or none with the transaction.
pub(super) async fn migrate(transaction: &mut SqliteTransaction) -> Result<(), RecordError> {
    let version = transaction.row(query("pragma user_version")).await.map_err(error::of)?;
    let version: i64 = version.map_or(Ok(0), |row| row.try_get(0)).map_err(error::of)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(RecordError::Setting(format!(
            "the state of record is of version {version}, this program knows {}: run a newer apiary on this folder",
            STEPS.len()
        )));
    }
    for step in &STEPS[done..] {
        transaction.script(*step).await.map_err(error::of)?;
    }
    // A pragma takes no parameter; there is one step, so there is one number.
    transaction.script("pragma user_version = 1").await.map_err(error::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_in_the_schema_is_the_one_that_is_looked_for() {
        assert!(STEPS[0].contains(&format!("pragma application_id = {APPLICATION_ID};")));
    }
}
