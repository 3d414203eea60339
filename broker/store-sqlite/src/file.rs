//! The file: made for its owner only, and held by one broker at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiary_database::{SqliteReaders, SqliteWriter};
use apiary_store::{StoreError, StoreResult};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Row as _};

use crate::fault;

/// How long a statement waits for another program (a backup, `sqlite3`) that holds the file.
const BUSY_TIME_MAX: Duration = Duration::from_secs(5);
/// Connections that read, beside the one that writes.
const READERS_MAX: u32 = 4;
/// The write-ahead log is cut to this size, in bytes, once it has been larger.
const LOG_BYTES_KEPT: &str = "67108864";
/// Pages that the writer keeps in memory, as SQLite wants it: minus kibibytes.
const WRITER_CACHE: &str = "-16000";

/// Takes the lock that says "a broker has this database open". SQLite's own locks last for a transaction only, and two
/// brokers on one file would each believe to be the only one.
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

/// Makes the file if there is none, so that only its owner can read it; SQLite gives its side files the same mode.
pub(super) fn create(path: &Path) -> StoreResult<()> {
    match private().create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Open(format!("{}: {error}", path.display()))),
    }
}

/// The one connection that writes.
pub(super) async fn writer(path: &Path) -> StoreResult<SqliteWriter> {
    let options = base(path).pragma("cache_size", WRITER_CACHE).pragma("journal_size_limit", LOG_BYTES_KEPT);
    let writer = SqliteWriter::new(options);
    refuse_foreign(&writer, path).await?;
    Ok(writer)
}

/// The connections that read.
pub(super) fn readers(path: &Path) -> SqliteReaders {
    SqliteReaders::new(base(path), READERS_MAX)
}

fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: a commit is on the disk before it is answered. WAL with NORMAL would lose the last ones in a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIME_MAX)
}

/// Refuses a database that holds somebody else's tables, before migrations add ours to it.
async fn refuse_foreign(writer: &SqliteWriter, path: &Path) -> StoreResult<()> {
    let mut connection = writer.connect().await.map_err(|error| open_error(path, error))?;
    let found = sqlx::query(include_str!("connections/tables.sql")).fetch_one(&mut connection).await;
    let found = found.map_err(|error| open_error(path, error))?;
    connection.close().await.map_err(|error| open_error(path, error))?;
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
