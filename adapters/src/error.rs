//! Errors of an adapter's start and of its spool.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apiary_database::{is_sqlite_full, sqlite_primary_code};

/// Reasons why an adapter did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An invalid setting. The text never contains a secret.
    #[error("`{setting}` {problem}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Description of the fault, with advice.
        problem: String,
    },
    /// The port cannot be opened.
    #[error("cannot listen on {address}: {source}; is another adapter running there?")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// An unusable spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl StartError {
    pub(crate) fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::Setting { setting, problem: problem.into() }
    }
}

/// Errors of a spool.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another adapter uses the spool, and two must not forward the same events.
    #[error("the spool {0} is in use: stop the other adapter, or give this one a folder of its own")]
    InUse(PathBuf),
    /// The path is not a folder.
    #[error("the spool {} is not a folder: name a folder, or a path where one can be created", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds no spool.
    #[error("{} contains no spool: name the folder of the adapter's spool (`webhook.spool`)", .0.display())]
    NoSpool(PathBuf),
    /// Others may read or write the folder or file, although events hold customers' data.
    #[error(
        "{path} can be read or written by others (mode {mode:04o}): run `chmod {wanted:o} {path}`",
        path = .path.display()
    )]
    Readable {
        /// The folder or file.
        path: PathBuf,
        /// Permission bits of the folder or file.
        mode: u32,
        /// The mode that is required.
        wanted: u32,
    },
    /// The file is damaged.
    #[error(
        "the spool {path} is damaged: {problem}; it may contain events that were answered but not forwarded. Back the \
         folder up, save the readable rows with `sqlite3 spool.sqlite .recover`, start with an empty folder, and have \
         the sender repeat the events of that time (Stripe: `stripe events resend`)", path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// The file belongs to another program or a later version.
    #[error("{path} {problem}", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The owner, with advice.
        problem: String,
    },
    /// The spool holds another colony's events.
    #[error(
        "the spool {path} holds {events} events for colony {colony}: let an adapter of that colony forward them, or \
         give this one a folder of its own", path = .path.display()
    )]
    Colony {
        /// The spool.
        path: PathBuf,
        /// The other colony's id.
        colony: String,
        /// Number of events.
        events: u64,
    },
    /// The file is not writable by this process.
    #[error(
        "the spool {path} cannot be written here: {problem}; run this as the adapter's user, and see that the disk is not \
         mounted read-only", path = .path.display()
    )]
    NotWritable {
        /// The spool.
        path: PathBuf,
        /// The error of the file system or the database.
        problem: String,
    },
    /// The disk is full. No event of the failed write was acknowledged.
    #[error("the disk of the spool {path} is full: {problem}; make room", path = .path.display())]
    Full {
        /// The spool.
        path: PathBuf,
        /// The error of the file system or the database.
        problem: String,
    },
    /// The file system or database failed. No event of the failed write was acknowledged.
    #[error("the spool {path} failed: {problem}; check the disk and its free space", path = .path.display())]
    Failed {
        /// The spool.
        path: PathBuf,
        /// The error of the file system or the database.
        problem: String,
    },
    /// The spool is closed, because the adapter is stopping.
    #[error("the spool is closed: the adapter is stopping")]
    Closed,
}

impl SpoolError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        let (path, problem) = (path.to_owned(), error.to_string());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path, problem },
            _ => Self::Failed { path, problem },
        }
    }

    pub(crate) fn sql(path: &Path, error: &sqlx::Error) -> Self {
        // SQLite's primary result codes: 3 is PERM, 8 READONLY, 14 CANTOPEN, 11 CORRUPT, 26 NOTADB.
        match sqlite_primary_code(error) {
            Some(3 | 8 | 14) => Self::NotWritable { path: path.to_owned(), problem: error.to_string() },
            Some(11 | 26) => Self::Damaged { path: path.to_owned(), problem: error.to_string() },
            _ if is_sqlite_full(error) => Self::Full { path: path.to_owned(), problem: error.to_string() },
            _ => Self::Failed { path: path.to_owned(), problem: error.to_string() },
        }
    }
}
