//! The calls that the archive makes of a storage.

use async_trait::async_trait;
use bytes::Bytes;

use super::ArchiveError;

/// A storage of objects, by name. Nothing in it is overwritten.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Stores an object, durably, under a name that is free or has these very bytes.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] if the name has other bytes; [`ArchiveError::Storage`] for a storage that is away.
    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), ArchiveError>;

    /// Reads an object, if there is one.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`] for one that is too large; [`ArchiveError::Storage`] for a storage that is away.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, ArchiveError>;

    /// Returns the names of all objects in a folder that sort after `after`, in any order; all of them for an empty `after`.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Storage`] for a storage that is away.
    async fn list(&self, folder: &str, after: &str) -> Result<Vec<String>, ArchiveError>;

    /// Deletes an object; nothing happens if there is none. For an erasure alone, whose replacement is there.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Storage`] for a storage that is away.
    async fn delete(&self, name: &str) -> Result<(), ArchiveError>;
}
