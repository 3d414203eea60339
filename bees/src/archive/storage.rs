//! Objects in a folder, or in a bucket of a server that speaks S3.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use apiary_identity::limits::ARCHIVE_OBJECT_BYTES_MAX;
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use secrecy::{ExposeSecret as _, SecretString};

use super::{ArchiveError, Objects};

/// A storage of the archive.
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The folder of files, whose writes are flushed to the disk here.
    folder: Option<PathBuf>,
    /// The beginning of each name.
    prefix: String,
    shown: String,
}

/// Access to a server that speaks S3.
pub(super) struct S3Access {
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    pub(super) key_id: Option<String>,
    pub(super) secret: Option<SecretString>,
}

impl Storage {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// A folder that cannot be made or read.
    pub fn folder(folder: &FilePath) -> Result<Self, ArchiveError> {
        let failed = |error: &dyn std::fmt::Display| ArchiveError::Storage(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let folder = folder.canonicalize().map_err(|error| failed(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| failed(&error))?;
        let shown = folder.display().to_string();
        Ok(Self { store: Arc::new(store), folder: Some(folder), prefix: String::new(), shown })
    }

    /// Opens a bucket. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// An address that cannot be used.
    pub(super) fn s3(bucket: &str, prefix: &str, access: &S3Access) -> Result<Self, ArchiveError> {
        // The error says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&access.region);
        if let Some(endpoint) = &access.endpoint {
            let is_plain = endpoint.starts_with("http://");
            // Servers of one's own have no name for each bucket.
            builder =
                builder.with_endpoint(endpoint).with_allow_http(is_plain).with_virtual_hosted_style_request(false);
        }
        if let (Some(key_id), Some(secret)) = (&access.key_id, &access.secret) {
            builder = builder.with_access_key_id(key_id).with_secret_access_key(secret.expose_secret());
        }
        let store: AmazonS3 = builder.build().map_err(|error| ArchiveError::Storage(error.to_string()))?;
        let prefix = prefix.trim_matches('/');
        let (prefix, shown) = match prefix {
            "" => (String::new(), format!("s3://{bucket}")),
            prefix => (format!("{prefix}/"), format!("s3://{bucket}/{prefix}")),
        };
        Ok(Self { store: Arc::new(store), folder: None, prefix, shown })
    }

    /// Returns its name, without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn path(&self, name: &str) -> Result<Path, ArchiveError> {
        let path = Path::parse(format!("{}{name}", self.prefix));
        path.map_err(|error| ArchiveError::Invalid(format!("the object name {name:?} cannot be used: {error}")))
    }

    fn failed(&self, error: &Error) -> ArchiveError {
        ArchiveError::Storage(format!("{}: {error}", self.shown))
    }

    /// Flushes a file, and the folders that name it, to the disk.
    async fn flush(&self, path: &Path) -> Result<(), ArchiveError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (folder, mut file) = (folder.clone(), folder.join(path.as_ref()));
        let flush = move || {
            std::fs::File::open(&file)?.sync_all()?;
            while file.pop() && file.starts_with(&folder) {
                std::fs::File::open(&file)?.sync_all()?;
            }
            std::io::Result::Ok(())
        };
        let flushed = tokio::task::spawn_blocking(flush).await;
        let flushed = flushed.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        flushed.map_err(|error| ArchiveError::Storage(format!("{}: {error}", self.shown)))
    }
}

#[async_trait]
impl Objects for Storage {
    async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), ArchiveError> {
        let path = self.path(name)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&path, bytes.clone().into(), options).await {
            Ok(_) => {}
            // An earlier try wrote it, whose answer was lost.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                if self.get(name).await?.as_ref() != Some(&bytes) {
                    return Err(ArchiveError::Damaged(format!("the object {name:?} is there, with other bytes")));
                }
            }
            Err(error) => return Err(self.failed(&error)),
        }
        self.flush(&path).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let found = match self.store.get_opts(&self.path(name)?, object_store::GetOptions::default()).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        if found.meta.size > ARCHIVE_OBJECT_BYTES_MAX {
            let size = found.meta.size;
            return Err(ArchiveError::Damaged(format!(
                "the object {name:?} has {size} bytes, the most is {ARCHIVE_OBJECT_BYTES_MAX}"
            )));
        }
        found.bytes().await.map(Some).map_err(|error| self.failed(&error))
    }

    async fn list(&self, folder: &str, after: &str) -> Result<Vec<String>, ArchiveError> {
        let path = self.path(folder)?;
        let found = match after {
            "" => self.store.list(Some(&path)),
            after => self.store.list_with_offset(Some(&path), &self.path(after)?),
        };
        let found: Vec<_> = found.try_collect().await.map_err(|error| self.failed(&error))?;
        let names = found.into_iter().map(|one| one.location.to_string());
        Ok(names.filter_map(|name| name.strip_prefix(&self.prefix).map(str::to_owned)).collect())
    }

    async fn delete(&self, name: &str) -> Result<(), ArchiveError> {
        let path = self.path(name)?;
        match self.store.delete(&path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }
}
