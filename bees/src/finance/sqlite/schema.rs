//! Migrates a file to this version's schema.

use std::path::Path;

use apiary_database::SqliteTransaction;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection, query};

use super::super::error::RecordError;
use super::error;

/// Migration steps. Step n takes a file from version n to n + 1; the file stores its version (`user_version`).
const STEPS: [&str; 3] = [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];
/// Application id that marks a file of the finance bee (<https://www.sqlite.org/pragma.html#pragma_application_id>):
/// "APFN".
const APPLICATION_ID: i64 = 0x4150_464e;

/// Rejects another program's database before anything in it is changed, even its journal mode.
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

/// Applies the missing steps, all or none with the transaction.
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
        // Each ends by setting the version, because a pragma takes no parameter.
        transaction.script(*step).await.map_err(error::of)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_sets_the_version_that_it_makes() {
        for (step, version) in STEPS.iter().zip(1..) {
            assert!(step.trim_end().ends_with(&format!("pragma user_version = {version};")), "{version}");
        }
    }

    #[test]
    fn the_mark_in_the_schema_is_the_one_that_is_looked_for() {
        assert!(STEPS[0].contains(&format!("pragma application_id = {APPLICATION_ID};")));
    }
}
