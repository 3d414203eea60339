//! Files that take a copy of a database: whole, or not there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file under a name of its own, readable by its owner only, which gets its lasting name once it is whole. Removed when dropped before.
#[derive(Debug)]
pub struct BackupFile {
    file: NamedTempFile,
    target: PathBuf,
}

impl BackupFile {
    /// Creates an empty file in the folder of `target`.
    ///
    /// # Errors
    /// The folder is missing, or not writable.
    pub fn create(target: &Path) -> io::Result<Self> {
        let folder = folder_of(target);
        let file = tempfile::Builder::new().prefix(".apiary-backup-").tempfile_in(folder)?;
        Ok(Self { file, target: target.to_owned() })
    }

    /// Returns the path to write to.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Brings the file to the disk, gives it its name, and returns its size in bytes. Replaces a file of that name.
    ///
    /// # Errors
    /// The disk fails; there is no file of that name then, or the old one.
    pub fn keep(self) -> io::Result<u64> {
        // Whoever wrote it may have put another file in its place.
        let written = File::open(self.file.path())?;
        written.sync_all()?;
        let bytes = written.metadata()?.len();
        self.file.persist(&self.target).map_err(|error| error.error)?;
        File::open(folder_of(&self.target))?.sync_all()?;
        Ok(bytes)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
