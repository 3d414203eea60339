//! Dumps of the schema, made beside running brokers by Postgres's own program.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use apiary_database::{BackupFile, environment, query, sql};
use apiary_store::{StoreError, StoreResult};
use sqlx::Row as _;
use tokio::process::Command;

use crate::PostgresStore;

/// Postgres's program for dumps, found by the search path.
const PROGRAM: &str = "pg_dump";
/// The bytes at the end of what the program says that are shown.
const WORDS_BYTES_MAX: usize = 1_000;

impl PostgresStore {
    /// Dumps the schema `apiary`, as it is at one moment, to a file in `pg_dump`'s custom format, and notes it in the database. Returns the
    /// file's size in bytes.
    ///
    /// # Errors
    /// [`StoreError::Trouble`] if `pg_dump` is not installed, is older than the server, or fails, or if the file cannot be written.
    pub async fn back_up(&self, into: &Path) -> StoreResult<u64> {
        let trouble = |words: String| StoreError::Trouble(format!("no backup was made: {words}"));
        let copy = BackupFile::create(into).map_err(|error| trouble(format!("{}: {error}", into.display())))?;
        let began = Instant::now();
        let server = self.direct.as_ref().unwrap_or(&self.server);
        let dump = Command::new(PROGRAM)
            .args(["--format=custom", "--schema=apiary", "--no-owner", "--no-privileges", "--no-password", "--file"])
            .arg(copy.path())
            .envs(environment(server))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| {
                trouble(format!(
                    "`{PROGRAM}`: {error}; install Postgres's client programs, of the server's version or later"
                ))
            })?;
        if !dump.status.success() {
            return Err(trouble(format!("`{PROGRAM}` ended with {}: {}", dump.status, last_words(&dump.stderr))));
        }
        let bytes = copy.keep().map_err(|error| trouble(format!("{}: {error}", into.display())))?;
        let mut session = self.session().await?;
        let seconds = began.elapsed().as_secs_f64();
        session.rows(query(sql!("connections/note_backup.sql")).bind(seconds)).await?;
        Ok(bytes)
    }

    /// True if a backup of the last 24 hours is noted.
    pub(super) async fn has_fresh_backup(&self) -> StoreResult<bool> {
        let mut session = self.session().await?;
        for statement in [sql!("connections/has_backups.sql"), sql!("connections/has_fresh_backup.sql")] {
            let found = session.row(query(statement)).await?;
            if !found.is_some_and(|row| row.try_get("present").unwrap_or(false)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn last_words(said: &[u8]) -> String {
    let said = said.get(said.len().saturating_sub(WORDS_BYTES_MAX)..).unwrap_or_default();
    String::from_utf8_lossy(said).trim().to_owned()
}
