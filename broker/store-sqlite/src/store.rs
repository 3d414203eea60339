//! The store: the file, its one writer and its readers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use apiary_database::{SqliteReaders, SqliteWriter};
use apiary_store::StoreResult;
use tokio::sync::Mutex as AsyncMutex;

use crate::file;

/// The store in a SQLite file.
pub struct SqliteStore {
    pub(super) path: PathBuf,
    pub(super) writer: SqliteWriter,
    pub(super) readers: SqliteReaders,
    /// Locked during a migration.
    pub(super) alone: AsyncMutex<()>,
    /// The lock that refuses a second broker on the same file while the store is open.
    pub(super) lock: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens the file, or creates it (mode 0600). Does not change the schema.
    ///
    /// # Errors
    /// [`Open`](apiary_store::StoreError::Open), with advice, if the folder is missing, the file is no SQLite database,
    /// belongs to another program, or is open in another broker.
    pub async fn open(path: &Path) -> StoreResult<Self> {
        let lock = file::lock(path)?;
        file::create(path)?;
        let writer = file::writer(path).await?;
        let (readers, lock) = (file::readers(path), Mutex::new(Some(lock)));
        let path = path.to_owned();
        Ok(Self { path, writer, readers, alone: AsyncMutex::default(), lock })
    }
}
