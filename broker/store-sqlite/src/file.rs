//! The database file: readable by its owner only, and open in one broker at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_database::{SqliteReaders, SqliteWriter};
use apiary_store::{StoreError, StoreResult};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::fault;

/// The time that a statement waits for another program (a backup, `sqlite3`) that has locked the file.
const BUSY_TIME_MAX: Duration = Duration::from_secs(5);
/// The number of connections that read, beside the one that writes.
const READERS_MAX: u32 = 4;
/// The size in bytes to which a larger write-ahead log is cut.
const LOG_BYTES_KEPT: &str = "67108864";
/// The writer's page cache, in SQLite's notation: minus kibibytes.
const WRITER_CACHE: &str = "-16000";

/// Takes the lock that means "a broker has this database open". SQLite's own locks last for one transaction only, and two brokers on
/// one file would each act as the only one.
pub(super) fn lock(path: &Path) -> StoreResult<File> {
    let lock_path = lock_path(path);
    let shown = lock_path.display();
    let file = private().create(true).truncate(false).open(&lock_path).map_err(|error| {
        StoreError::Open(format!("{shown}: {error}; the folder must exist, and the broker's user may write to it"))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Open(format!(
            "{} is open in another broker: stop that one first, or give this one a file of its own (several brokers \
             share a Postgres)",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => {
            Err(StoreError::Open(format!("{shown} cannot be locked: {error}; keep the database on a local disk")))
        }
    }
}

/// Creates the file if there is none, readable by its owner only. SQLite gives its side files the same mode.
pub(super) fn create(path: &Path) -> StoreResult<()> {
    match private().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Open(format!("{}: {error}", path.display()))),
    }
}

/// Opens the one connection that writes, and refuses a database of another program.
pub(super) async fn writer(path: &Path) -> StoreResult<SqliteWriter> {
    let options = base(path).pragma("cache_size", WRITER_CACHE).pragma("journal_size_limit", LOG_BYTES_KEPT);
    let writer = SqliteWriter::new(options);
    let mut connection = writer.connect().await.map_err(|error| open_error(path, error))?;
    refuse_foreign(&mut connection, path).await?;
    connection.close().await.map_err(|error| open_error(path, error))?;
    Ok(writer)
}

/// Opens a connection beside those of a broker that may run, and refuses a database of another program.
pub(super) async fn connect(path: &Path) -> StoreResult<SqliteConnection> {
    let opened = SqliteConnection::connect_with(&base(path)).await;
    let mut connection = opened.map_err(|error| open_error(path, error))?;
    refuse_foreign(&mut connection, path).await?;
    Ok(connection)
}

/// Returns the connections that read. They open on demand.
pub(super) fn readers(path: &Path) -> SqliteReaders {
    SqliteReaders::new(base(path), READERS_MAX)
}

fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: a commit is on the disk before it is answered. WAL with NORMAL would lose the last commits in a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIME_MAX)
}

/// Refuses a database with tables of another program, before migrations add ours to it.
async fn refuse_foreign(connection: &mut SqliteConnection, path: &Path) -> StoreResult<()> {
    let found = sqlx::query(include_str!("connections/tables.sql")).fetch_one(connection).await;
    let found = found.map_err(|error| open_error(path, error))?;
    let count = |column| found.try_get::<i64, _>(column).unwrap_or(0);
    if count("tables") > 0 && count("migrations") == 0 {
        return Err(StoreError::Open(format!(
            "{} is the SQLite database of another program: choose another file",
            path.display()
        )));
    }
    Ok(())
}

fn open_error(path: &Path, error: sqlx::Error) -> StoreError {
    if fault::is_no_database(&error) {
        return StoreError::Open(format!(
            "{} is not a SQLite database: move it away, or choose another file",
            path.display()
        ));
    }
    match fault::sorted(error) {
        StoreError::Unavailable(words) => StoreError::Unavailable(format!("{}: {words}", path.display())),
        other => StoreError::Open(format!("{}: {other}", path.display())),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
