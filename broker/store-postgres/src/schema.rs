//! The schema: bringing it up to date, and checking that it is.

use std::borrow::Cow;

use apiary_database::{query, sql};
use apiary_store::{StoreError, StoreResult, schema};
use sqlx::Row as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, SqlSafeStr as _, raw_sql};

use crate::fault::Fault;
use crate::{PostgresStore, connect};

/// Returns every migration, in order. A released migration is never changed: its checksum is stored in every database.
fn migrations() -> Vec<Migration> {
    let all = [
        (1, "foundation", include_str!("migrations/0001_foundation.sql")),
        (2, "counts", include_str!("migrations/0002_counts.sql")),
        (3, "events", include_str!("migrations/0003_events.sql")),
        (4, "backups", include_str!("migrations/0004_backups.sql")),
        (5, "event classes", include_str!("migrations/0005_event_classes.sql")),
        (6, "archives", include_str!("migrations/0006_archives.sql")),
    ];
    all.into_iter()
        .map(|(version, name, sql)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect()
}

/// Returns the version of the schema that this build works with: that of its last migration.
pub fn schema_version() -> i64 {
    migrations().last().map_or(0, |migration| migration.version)
}

impl PostgresStore {
    /// Runs what is missing, all or nothing, on a connection of its own without time limits.
    pub(super) async fn run_migrations(&self) -> StoreResult<()> {
        // Past a pooler where possible, and as behind one where not: statements without names, in one transaction.
        let server = self.direct.as_ref().unwrap_or(&self.server);
        let mut connection = connect::connect_once(server, self.options.acquire_time_max).await?;
        let run = migrate_with(&mut connection).await;
        // Closing ends the session, and with it a transaction that failed.
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the connection that migrated did not close cleanly");
        }
        run
    }

    /// Compares what was run with what this broker was built for.
    pub(super) async fn compare_schema(&self) -> StoreResult<()> {
        schema::compare(&migrations(), &self.applied().await?)
    }

    /// Refuses to migrate a database of which no recent backup is noted.
    pub(super) async fn require_backup(&self) -> StoreResult<()> {
        let (wanted, applied) = (migrations(), self.applied().await?);
        // A database of another format, or of a newer broker, gets the migration's own words.
        schema::check_unaltered(&wanted, &applied)?;
        match schema::first_missing(&wanted, &applied) {
            Some(missing) if !self.has_fresh_backup().await? => Err(schema::no_backup(missing)),
            _ => Ok(()),
        }
    }

    /// Reads the migrations that were run: none in a database without our schema.
    async fn applied(&self) -> StoreResult<Vec<(i64, Vec<u8>)>> {
        let mut session = self.session().await?;
        let present = session.row(query(sql!("connections/has_migrations.sql"))).await?;
        if !present.is_some_and(|row| row.try_get("present").unwrap_or(false)) {
            return Ok(Vec::new());
        }
        let rows = session.rows(query(sql!("connections/applied_migrations.sql"))).await?;
        Ok(applied(&rows).map_err(Fault::from)?)
    }
}

/// Reads the versions and checksums of the migrations that were run.
fn applied(rows: &[PgRow]) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    rows.iter().map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?))).collect()
}

/// Refuses a database of another format. The migrator would first name a migration that it does not know, as if the broker were too old.
async fn check_format(connection: &mut PgConnection) -> StoreResult<()> {
    let failed = |error| StoreError::from(Fault::from(error));
    let present = raw_sql(include_str!("connections/has_migrations.sql"))
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get::<bool, _>("present"))
        .map_err(failed)?;
    if !present {
        return Ok(());
    }
    let rows =
        raw_sql(include_str!("connections/applied_migrations.sql")).fetch_all(connection).await.map_err(failed)?;
    schema::check_unaltered(&migrations(), &applied(&rows).map_err(failed)?)
}

async fn migrate_with(connection: &mut PgConnection) -> StoreResult<()> {
    let failed = |error| StoreError::from(Fault::from(error));
    let mut transaction = connection.begin().await.map_err(failed)?;
    // Of brokers that start at once, one migrates and the others wait.
    raw_sql(include_str!("connections/lock_migrations.sql")).execute(&mut *transaction).await.map_err(failed)?;
    let present = sqlx::query(include_str!("connections/has_schema.sql"))
        .persistent(false)
        .fetch_one(&mut *transaction)
        .await
        .and_then(|row| row.try_get::<bool, _>("present"))
        .map_err(failed)?;
    check_format(&mut transaction).await?;
    let mut migrator = Migrator::with_migrations(migrations());
    migrator.dangerous_set_table_name("apiary.migrations");
    if !present {
        migrator.create_schema("apiary");
    }
    // The transaction has locked already, in a way that a pooler keeps.
    migrator.set_locking(false);
    migrator.run_direct(None, &mut *transaction, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
            Fault::from(error).into()
        }
        other => schema::refused(&other),
    })?;
    transaction.commit().await.map_err(failed)
}
