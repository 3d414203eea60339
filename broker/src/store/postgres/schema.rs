//! The schema: bringing it up to date, and checking that it is.

use std::borrow::Cow;

use sqlx::Row as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, SqlSafeStr as _};

use super::fault::Fault;
use super::{PostgresStore, connect};
use crate::store::{StoreError, StoreResult, schema};

/// Every migration, in order. One that was released is never changed again.
fn migrations() -> Vec<Migration> {
    let all = [
        (1, "foundation", include_str!("migrations/0001_foundation.sql")),
        (2, "operations", include_str!("migrations/0002_operations.sql")),
    ];
    all.into_iter()
        .map(|(version, name, sql)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect()
}

impl PostgresStore {
    /// Runs what is missing, on a connection of its own without time limits, under sqlx's advisory lock: of brokers
    /// that start at once, one migrates and the others wait.
    pub(super) async fn run_migrations(&self) -> StoreResult<()> {
        let mut connection = connect::connect_once(&self.server, self.options.acquire_time_max).await?;
        let run = migrate_with(&mut connection).await;
        // Closing ends the session, and with it the lock if a migration failed.
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the connection that migrated did not close cleanly");
        }
        run
    }

    /// Compares what was run with what this broker was built for.
    pub(super) async fn compare_schema(&self) -> StoreResult<()> {
        let mut session = self.session().await?;
        let present = session.row(sqlx::query(include_str!("connections/has_migrations.sql"))).await?;
        if !present.is_some_and(|row| row.try_get("present").unwrap_or(false)) {
            return schema::compare(&migrations(), &[]);
        }
        let rows = session.rows(sqlx::query(include_str!("connections/applied_migrations.sql"))).await?;
        let applied = rows
            .iter()
            .map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?)))
            .collect::<Result<Vec<(i64, Vec<u8>)>, sqlx::Error>>()
            .map_err(Fault::from)?;
        schema::compare(&migrations(), &applied)
    }
}

async fn migrate_with(connection: &mut PgConnection) -> StoreResult<()> {
    let present = sqlx::query(include_str!("connections/has_schema.sql"))
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get::<bool, _>("present"))
        .map_err(|error| StoreError::from(Fault::from(error)))?;
    let mut migrator = Migrator::with_migrations(migrations());
    migrator.dangerous_set_table_name("apiary.migrations");
    if !present {
        migrator.create_schema("apiary");
    }
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
            Fault::from(error).into()
        }
        other => schema::refused(&other),
    })
}

/// Kept beside the pool, for connections outside of it.
pub(super) type Server = PgConnectOptions;
