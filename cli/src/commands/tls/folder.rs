//! The folder with an authority's files: certificates readable by everybody, keys by their owner only. Nothing is
//! overwritten.

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_identity::write_secret_file;

use crate::exit::{Exit, Fault};
use crate::files;

/// Bytes of the largest certificate or key file; usual ones have a few thousand at most.
pub(super) const FILE_BYTES_MAX: usize = 64 * 1024;
/// The name of the authority's files.
pub(super) const AUTHORITY: &str = "ca";

/// A folder with certificates and their keys: `NAME.pem` and `NAME-key.pem`.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Names a folder, which may be missing.
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Creates the folder if missing, for its owner only.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.with_context(|| self.0.display().to_string())
    }

    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}-key.pem"))
    }

    /// Rejects a name that is in use.
    pub(super) fn is_free(&self, name: &str) -> Result<(), Fault> {
        let files = [self.certificate(name), self.key(name)];
        match files.iter().find(|file| file.symlink_metadata().is_ok()) {
            None => Ok(()),
            Some(file) => Err(Fault::failure(format!("{} exists and is not overwritten", file.display()))
                .hint(format!("renew it with `apiary tls renew {name}`, or choose another name"))),
        }
    }

    pub(super) fn read(&self, path: &Path) -> anyhow::Result<String> {
        let bytes = files::read(path, FILE_BYTES_MAX, "a certificate or key has")?;
        Ok(String::from_utf8(bytes).map_err(|_| Fault::new(Exit::Usage, format!("{} is no PEM", path.display())))?)
    }

    /// Writes a key and then its certificate: a certificate without its key is useless.
    pub(super) fn write(&self, name: &str, certificate: &str, key: &str) -> anyhow::Result<()> {
        write_secret_file(&self.key(name), key)?;
        let path = self.certificate(name);
        write_secret_file(&path, certificate)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).with_context(|| path.display().to_string())
    }

    /// Replaces a certificate atomically: readers see the old one or the new one.
    pub(super) fn replace_certificate(&self, name: &str, certificate: &str) -> anyhow::Result<()> {
        files::replace(&self.certificate(name), certificate)
    }
}
