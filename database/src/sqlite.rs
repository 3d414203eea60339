//! Connections to a SQLite file: a single writer, and readers beside it.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{Connection as _, Error, Executor as _, Row as _, SqlSafeStr, Sqlite, SqliteConnection, raw_sql};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::Commits;
use crate::limits::WRITER_WAIT_MAX;
use crate::statement::{Statement, run};

const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const IOERR: i64 = 10;
const FULL: i64 = 13;
const CONSTRAINT: i64 = 19;
/// No disk space for the shared-memory file of a database's connections.
const IOERR_SHMSIZE: i64 = 4874;

/// The writer of a file. Gives out a single transaction at a time, and opens a new connection after any failure.
#[derive(Debug)]
pub struct SqliteWriter {
    options: SqliteConnectOptions,
    slot: Arc<Mutex<Slot>>,
    commits: Commits,
}

/// Keeps the connection between two transactions. A transaction takes it out, and returns it only if all of its
/// statements succeeded. Any other end of the transaction, including a cancelled caller, ends the connection.
#[derive(Debug)]
struct Slot {
    /// Path, for log lines.
    file: PathBuf,
    connection: Option<SqliteConnection>,
    /// `true` if a connection was taken out and not returned.
    is_lost: bool,
    /// `true` if a failure was logged and no commit has succeeded since.
    is_failing: bool,
    is_closed: bool,
}

impl SqliteWriter {
    /// Creates a writer that connects at its first transaction.
    pub fn new(options: SqliteConnectOptions) -> Self {
        let file = options.get_filename().to_owned();
        let slot = Slot { file, connection: None, is_lost: false, is_failing: false, is_closed: false };
        Self { options, slot: Arc::new(Mutex::new(slot)), commits: Commits::default() }
    }

    /// Waits until no other transaction is open, and begins one. `IMMEDIATE` takes SQLite's write lock at once: a
    /// transaction that reads first could fail at its first write, because another program wrote in between.
    ///
    /// # Errors
    /// SQLite's error, after a second try on a new connection.
    pub async fn begin(&self) -> Result<SqliteTransaction, Error> {
        self.begin_as(false).await
    }

    /// Begins a transaction that writes little. Its success does not show that there is room for work.
    ///
    /// # Errors
    /// As for [`Self::begin`].
    pub async fn begin_small(&self) -> Result<SqliteTransaction, Error> {
        self.begin_as(true).await
    }

    async fn begin_as(&self, is_small: bool) -> Result<SqliteTransaction, Error> {
        let slot = timeout(WRITER_WAIT_MAX, self.slot.clone().lock_owned()).await.map_err(|_| Error::PoolTimedOut)?;
        if slot.is_closed {
            return Err(Error::PoolClosed);
        }
        let mut transaction = SqliteTransaction {
            connection: None,
            is_sound: false,
            has_changed: false,
            is_small,
            commits: self.commits.clone(),
            slot,
        };
        match self.enter(&mut transaction).await {
            Ok(()) => Ok(transaction),
            Err(error) => Err(transaction.fail(error)),
        }
    }

    async fn enter(&self, transaction: &mut SqliteTransaction) -> Result<(), Error> {
        if let Some(mut known) = transaction.slot.connection.take() {
            // Set before the await: after a caller cancelled during `BEGIN`, the next transaction must settle the log.
            transaction.slot.is_lost = true;
            match known.execute(raw_sql("BEGIN IMMEDIATE")).await {
                Ok(_) => {
                    transaction.hold(known);
                    return Ok(());
                }
                // Another program holds the file, and still did after the busy time-out. A new connection would wait
                // again.
                Err(error) if is_sqlite_busy(&error) => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "no transaction could be begun; trying again on a new connection");
                    close(known).await;
                }
            }
        }
        let mut fresh = self.connect().await?;
        if transaction.slot.is_lost {
            settle_log(&mut fresh).await?;
        }
        transaction.slot.is_lost = true;
        fresh.execute(raw_sql("BEGIN IMMEDIATE")).await?;
        transaction.hold(fresh);
        Ok(())
    }

    /// Opens a connection beside the writer's own, for statements that cannot run inside a transaction.
    ///
    /// # Errors
    /// SQLite's error.
    pub async fn connect(&self) -> Result<SqliteConnection, Error> {
        SqliteConnection::connect_with(&self.options).await
    }

    /// Returns the evidence, from commits, that the file accepts writes.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Waits for the open transaction, closes the connection, and refuses further transactions.
    pub async fn close(&self) {
        let mut slot = self.slot.lock().await;
        slot.is_closed = true;
        if let Some(connection) = slot.connection.take() {
            close(connection).await;
        }
    }
}

/// An open transaction. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct SqliteTransaction {
    connection: Option<SqliteConnection>,
    /// `true` if every statement so far has succeeded, and none is in progress.
    is_sound: bool,
    has_changed: bool,
    is_small: bool,
    commits: Commits,
    slot: OwnedMutexGuard<Slot>,
}

impl SqliteTransaction {
    /// Runs a statement; returns all its rows.
    ///
    /// # Errors
    /// SQLite's error. Every later statement of this transaction fails then.
    pub async fn rows(&mut self, statement: impl Into<Statement<'_, Sqlite>>) -> Result<Vec<SqliteRow>, Error> {
        let Statement { name, query, .. } = statement.into();
        run(name, self.fetch(query)).await
    }

    async fn fetch(&mut self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, Error> {
        let answer = statement.fetch_all(self.connection()?).await;
        self.settle(answer).await
    }

    /// Runs a statement; returns its first row, if any.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn row(&mut self, statement: impl Into<Statement<'_, Sqlite>>) -> Result<Option<SqliteRow>, Error> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement; returns the number of rows it changed.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn changed(&mut self, statement: impl Into<Statement<'_, Sqlite>>) -> Result<u64, Error> {
        let Statement { name, query, .. } = statement.into();
        run(name, self.execute(query)).await
    }

    async fn execute(&mut self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, Error> {
        let answer = statement.execute(self.connection()?).await;
        let changed = self.settle(answer).await?.rows_affected();
        self.has_changed |= changed > 0;
        Ok(changed)
    }

    /// Runs several statements without parameters.
    ///
    /// # Errors
    /// As for [`Self::rows`].
    pub async fn script(&mut self, statements: impl SqlSafeStr) -> Result<(), Error> {
        let answer = raw_sql(statements).execute(self.connection()?).await;
        self.settle(answer).await.map(drop)
    }

    /// Returns `true` if any statement so far changed a row.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Commits: when this returns `Ok`, the change is on the disk.
    ///
    /// # Errors
    /// SQLite's error. The change may or may not be on the disk then: a repetition must accept to find it there.
    pub async fn commit(mut self) -> Result<(), Error> {
        let answer = self.connection()?.execute(raw_sql("COMMIT")).await;
        self.settle(answer).await?;
        self.bring_back();
        if self.has_changed {
            self.commits.note(self.is_small);
            // A small write that succeeds after a full disk ends no failure: work may still not fit.
            if self.commits.doubt().is_none() && std::mem::take(&mut self.slot.is_failing) {
                tracing::info!(file = %self.slot.file.display(), "the database file is writable again");
            }
        }
        Ok(())
    }

    fn bring_back(&mut self) {
        self.slot.connection = self.connection.take();
        self.slot.is_lost = self.slot.connection.is_none();
    }

    fn hold(&mut self, connection: SqliteConnection) {
        self.connection = Some(connection);
        self.is_sound = true;
    }

    /// Returns the connection for the next statement, and an error after a failed statement: SQLite may have ended the
    /// transaction, and a later statement would commit on its own.
    fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        let is_sound = std::mem::replace(&mut self.is_sound, false);
        let connection = self.connection.as_mut().filter(|_| is_sound);
        connection.ok_or_else(|| Error::Protocol("an earlier statement of this transaction failed".to_owned()))
    }

    async fn settle<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        match answer {
            Ok(value) => {
                self.is_sound = true;
                Ok(value)
            }
            Err(error) => {
                if let Some(connection) = self.connection.take() {
                    close(connection).await;
                }
                Err(self.fail(error))
            }
        }
    }

    /// Records a failure, and logs only the first until a commit succeeds.
    fn fail(&mut self, error: Error) -> Error {
        // A violated constraint is the caller's fault, and says nothing about the disk.
        let is_refusal = sqlite_primary_code(&error) == Some(CONSTRAINT);
        if !is_refusal {
            let lacks_room = is_sqlite_full(&error) && !self.is_small;
            self.commits.void(lacks_room.then(|| error.to_string()));
        }
        if !is_refusal && !std::mem::replace(&mut self.slot.is_failing, true) {
            tracing::warn!(
                %error,
                file = %self.slot.file.display(),
                "a transaction failed and nothing of it counts; the next one opens the file anew. Check the disk, its free \
                 space, and who else holds the file"
            );
        }
        error
    }
}

impl Drop for SqliteTransaction {
    /// Rolls back. After a failure or during a statement, closing the connection makes SQLite roll back. Otherwise
    /// `ROLLBACK` is sent without waiting for its answer: if it fails, the next `BEGIN` fails too, and the connection
    /// is dropped then.
    fn drop(&mut self) {
        if !self.is_sound {
            self.connection = None;
        }
        let Some(connection) = &mut self.connection else { return };
        {
            let rollback = pin!(connection.execute(raw_sql("ROLLBACK")));
            // The first poll sends the command to the connection's worker thread, which runs it without a waiter, too.
            let _ = rollback.poll(&mut Context::from_waker(Waker::noop()));
        }
        self.bring_back();
    }
}

/// Read-only connections to a file, beside its writer. They see the last commit and never wait for the writer.
#[derive(Debug)]
pub struct SqliteReaders(SqlitePool);

impl SqliteReaders {
    /// Creates a pool of at most `readers_max` connections, opened on demand.
    pub fn new(options: SqliteConnectOptions, readers_max: u32) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(readers_max)
            .acquire_timeout(WRITER_WAIT_MAX)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None);
        Self(pool.connect_lazy_with(options.pragma("query_only", "ON")))
    }

    /// Runs a statement that reads; returns all its rows.
    ///
    /// # Errors
    /// SQLite's error.
    pub async fn rows(&self, statement: impl Into<Statement<'_, Sqlite>>) -> Result<Vec<SqliteRow>, Error> {
        let Statement { name, query, .. } = statement.into();
        run(name, self.fetch(query)).await
    }

    async fn fetch(&self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<Vec<SqliteRow>, Error> {
        let mut connection = self.0.acquire().await?;
        let answer = statement.fetch_all(&mut *connection).await;
        if answer.is_err() {
            connection.close_on_drop();
        }
        answer
    }

    /// Closes every connection, and refuses to open more.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// Returns `true` if another program held the file's lock for too long.
pub fn is_sqlite_busy(error: &Error) -> bool {
    matches!(sqlite_primary_code(error), Some(BUSY | LOCKED))
}

/// Returns `true` if the disk is full, for the file or for the files beside it.
pub fn is_sqlite_full(error: &Error) -> bool {
    sqlite_primary_code(error) == Some(FULL) || sqlite_code(error) == Some(IOERR_SHMSIZE)
}

/// Moves the write-ahead log into the file after a failure. The log may end in a transaction whose fsync failed. A new
/// connection reads it as committed, from page cache that the system considers written, and a power cut would lose it
/// together with everything appended after it. Moving it writes and syncs it again.
async fn settle_log(connection: &mut SqliteConnection) -> Result<(), Error> {
    match raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await {
        Ok(row) => {
            tracing::debug!(busy = row.try_get::<i64, _>(0).unwrap_or(-1), "write-ahead log merged into the file");
            Ok(())
        }
        // After an I/O error the log's state is unknown. If only space is missing, the log is intact and stays.
        Err(error) if sqlite_primary_code(&error) == Some(IOERR) => Err(error),
        Err(error) => {
            tracing::debug!(%error, "write-ahead log not merged into the file");
            Ok(())
        }
    }
}

/// Waits until the file is released, so that its lock does not block the next connection.
async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close cleanly");
    }
}

/// Returns SQLite's result code (<https://www.sqlite.org/rescode.html>); the low byte is the primary code.
pub fn sqlite_code(error: &Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Returns the primary result code.
pub fn sqlite_primary_code(error: &Error) -> Option<i64> {
    sqlite_code(error).map(|code| code & 0xff)
}

#[cfg(test)]
mod tests;
