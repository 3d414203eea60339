//! Brings a file to this version's schema.

use sqlx::{Connection as _, SqliteConnection};

use super::super::error::RecordError;
use super::error;

/// Step n brings a file from version n to n + 1; the file itself keeps its number (`user_version`).
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Applies the steps that the file lacks, all or none.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), RecordError> {
    let mut transaction = connection.begin_with("begin immediate").await.map_err(error::of)?;
    let version: i64 =
        sqlx::query_scalar("pragma user_version").fetch_one(&mut *transaction).await.map_err(error::of)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(RecordError::Setting(format!(
            "the state of record is of version {version}, this program knows {}: run a newer apiary on this folder",
            STEPS.len()
        )));
    }
    for step in &STEPS[done..] {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(error::of)?;
    }
    // A pragma takes no parameter; there is one step, so there is one number.
    sqlx::raw_sql("pragma user_version = 1").execute(&mut *transaction).await.map_err(error::of)?;
    transaction.commit().await.map_err(error::of)
}
