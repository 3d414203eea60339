//! The schema: bringing it up to date, and checking that it is.

use std::borrow::Cow;
use std::path::PathBuf;

use apiary_database::{query, sql};
use apiary_store::{StoreError, StoreResult, schema};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, Row as _, SqlSafeStr as _};

use crate::SqliteStore;
use crate::backup::back_up;
use crate::fault::sorted;
use crate::transaction::read;

/// Returns every migration, in order. A released migration is never changed: its checksum is stored in every database.
fn migrations() -> Vec<Migration> {
    let all = [
        (1, "foundation", include_str!("migrations/0001_foundation.sql")),
        (2, "operations", include_str!("migrations/0002_operations.sql")),
        (3, "recovery", include_str!("migrations/0003_recovery.sql")),
        (4, "readiness", include_str!("migrations/0004_readiness.sql")),
        (5, "health", include_str!("migrations/0005_health.sql")),
        (6, "events", include_str!("migrations/0006_events.sql")),
        (7, "event classes", include_str!("migrations/0007_event_classes.sql")),
        (8, "archives", include_str!("migrations/0008_archives.sql")),
    ];
    all.into_iter()
        .map(|(version, name, sql)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect()
}

/// Copies the file to one beside it before a migration; a copy of before the same migration is replaced.
pub(super) async fn ensure_backup(store: &SqliteStore) -> StoreResult<()> {
    let (wanted, applied) = (migrations(), applied(store).await?);
    schema::check_unaltered(&wanted, &applied)?;
    let Some(missing) = schema::first_missing(&wanted, &applied) else { return Ok(()) };
    let mut copy = store.path.as_os_str().to_owned();
    copy.push(format!(".before-migration-{}", missing.version));
    let copy = PathBuf::from(copy);
    match back_up(&store.path, &copy).await {
        Ok(bytes) => {
            tracing::info!(copy = %copy.display(), bytes, "the database was copied before its migration");
            Ok(())
        }
        Err(error) => Err(StoreError::Schema(format!(
            "the database lacks migration {} ({}), and cannot be copied before it: {error}; make room for a file of its \
             size, or, if you have a backup, run `apiary broker --migrate --no-backup`",
            missing.version, missing.description
        ))),
    }
}

/// Returns the version of the schema that this build works with: that of its last migration.
pub fn schema_version() -> i64 {
    migrations().last().map_or(0, |migration| migration.version)
}

/// Runs what is missing. The lock on the file keeps other brokers away.
pub(super) async fn migrate(store: &SqliteStore) -> StoreResult<()> {
    let mut migrator = Migrator::with_migrations(migrations());
    migrator.dangerous_set_table_name("migrations");
    let _alone = store.alone.lock().await;
    // The migrator would first name a migration that it does not know, as if the broker were too old.
    schema::check_unaltered(&migrations(), &applied(store).await?)?;
    // On a connection of its own, which is gone afterwards, however far it came.
    let mut connection = store.writer.connect().await.map_err(sorted)?;
    let migrated = migrator.run_direct(None, &mut connection, false).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => sorted(error),
        other => schema::refused(&other),
    });
    connection.close().await.map_err(sorted)?;
    migrated
}

/// Compares what was run with what this broker was built for.
pub(super) async fn check(store: &SqliteStore) -> StoreResult<()> {
    schema::compare(&migrations(), &applied(store).await?)
}

/// Reads the versions and checksums of the migrations that were run.
async fn applied(store: &SqliteStore) -> StoreResult<Vec<(i64, Vec<u8>)>> {
    let applied = match read(&store.readers, query(sql!("connections/applied_migrations.sql"))).await {
        // A file that was never migrated has no such table.
        Err(StoreError::Schema(_)) => Vec::new(),
        other => other?,
    };
    let applied = applied.iter().map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?)));
    applied.collect::<Result<_, sqlx::Error>>().map_err(sorted)
}
