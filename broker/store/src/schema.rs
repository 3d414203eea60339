//! Checks of the schema's version, common to both databases.

use sqlx::migrate::{MigrateError, Migration};

use crate::{StoreError, StoreResult};

/// Compares the migrations that were run (version and checksum) with those of this broker. [`StoreError::Schema`], with the remedy,
/// if they differ.
pub fn compare(wanted: &[Migration], applied: &[(i64, Vec<u8>)]) -> StoreResult<()> {
    check_unaltered(wanted, applied)?;
    if let Some((version, _)) = applied.iter().find(|(version, _)| wanted.iter().all(|one| one.version != *version)) {
        return Err(StoreError::Schema(format!(
            "the database was migrated by a newer broker (migration {version} is not known here): start that version of \
             the broker, or restore the backup from before the upgrade"
        )));
    }
    let missing = wanted.iter().find(|migration| applied.iter().all(|(version, _)| *version != migration.version));
    if let Some(migration) = missing {
        return Err(StoreError::Schema(format!(
            "the database lacks migration {} ({}): run `apiary broker --migrate`",
            migration.version, migration.description
        )));
    }
    Ok(())
}

/// Returns the first migration that a database lacks which was migrated before: with a new one there is nothing to lose.
pub fn first_missing<'a>(wanted: &'a [Migration], applied: &[(i64, Vec<u8>)]) -> Option<&'a Migration> {
    let is_missing = |migration: &&Migration| applied.iter().all(|(version, _)| *version != migration.version);
    if applied.is_empty() { None } else { wanted.iter().find(is_missing) }
}

/// Returns the error for a migration of which there is no backup.
pub fn no_backup(missing: &Migration) -> StoreError {
    StoreError::Schema(format!(
        "the database lacks migration {} ({}), and no backup of the last 24 hours is noted: run `apiary broker --backup FILE`,          then start again; or, if you have a backup of another kind, `apiary broker --migrate --no-backup`",
        missing.version, missing.description
    ))
}

/// Refuses a database in which a migration is not the one of this broker. [`StoreError::Schema`], with the remedy.
// Checked before anything else: such a database may also have migrations of later numbers, and is not newer because of them.
pub fn check_unaltered(wanted: &[Migration], applied: &[(i64, Vec<u8>)]) -> StoreResult<()> {
    let is_altered = |(version, checksum): &&(i64, Vec<u8>)| {
        wanted.iter().any(|migration| migration.version == *version && *migration.checksum != **checksum)
    };
    applied.iter().find(is_altered).map_or(Ok(()), |(version, _)| Err(altered(*version)))
}

/// Returns the error for a migrator that refused to run.
pub fn refused(error: &MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::Schema(format!(
            "the database was migrated by a newer broker (migration {version} is not known here): start that version of \
             the broker, or restore the backup from before the upgrade"
        )),
        MigrateError::VersionMismatch(version) => altered(*version),
        MigrateError::Dirty(version) => StoreError::Schema(format!(
            "migration {version} was begun and not ended: restore the backup from before it, then start the broker again"
        )),
        other => StoreError::Schema(other.to_string()),
    }
}

fn altered(version: i64) -> StoreError {
    StoreError::Schema(format!(
        "migration {version} in the database is not the one of this broker: it was altered, or made by a build before the first \
         release, whose format is not read any more. To start anew, stop the broker, move the old database away (the SQLite file \
         with its -wal and -shm; in Postgres drop the schema `apiary`), and start the broker again; or restore a backup"
    ))
}
