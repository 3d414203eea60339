//! The spool's folder: private to its owner, and used by one adapter at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::SpoolError;

/// A folder locked by this process.
#[derive(Debug)]
pub(super) struct Folder {
    /// Path of the database.
    pub(super) database: PathBuf,
    /// Lock file. The system releases the lock when the process ends.
    _lock: File,
}

impl Folder {
    /// Locks the folder; creates it and its files if missing.
    pub(super) fn take(path: &Path) -> Result<Self, SpoolError> {
        match DirBuilder::new().recursive(true).mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(SpoolError::io(path, &error)),
            _ if !path.is_dir() => return Err(SpoolError::NoFolder(path.to_owned())),
            _ => check_mode(path, 0o700)?,
        }
        let lock = open(&path.join("lock"))?;
        // Does not wait: a second adapter on the same folder is a mistake, not contention.
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SpoolError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(SpoolError::io(path, &error)),
        }
        // Created here and not by SQLite, because SQLite gives its journals the database's own mode.
        let database = path.join(super::database::FILE);
        drop(open(&database)?);
        // The directory entries must be on disk, too, not only the contents.
        for folder in [Some(path), path.parent().filter(|parent| !parent.as_os_str().is_empty())].into_iter().flatten()
        {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| SpoolError::io(folder, &error))?;
        }
        Ok(Self { database, _lock: lock })
    }
}

fn open(path: &Path) -> Result<File, SpoolError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| SpoolError::io(path, &error))?;
    check_mode(path, 0o600)?;
    Ok(file)
}

fn check_mode(path: &Path, wanted: u32) -> Result<(), SpoolError> {
    let mode = std::fs::metadata(path).map_err(|error| SpoolError::io(path, &error))?.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(SpoolError::Readable { path: path.to_owned(), mode, wanted })
}
