//! Key files: PKCS#8 PEM, readable by their owner only, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::{KeyError, KeyPair, read_secret_file};

/// Bound on a key file, which has a few hundred bytes; a larger file is not a key.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// Reads a key pair from a file that passes [`check_secret_file`](crate::check_secret_file).
pub fn read_key_file(path: &Path, passphrase: Option<&str>) -> Result<KeyPair, KeyError> {
    KeyPair::from_pem(&read_secret_file(path, FILE_BYTES_MAX)?, passphrase)
}

/// Writes a key pair to a new file of mode 0600. On return, file and folder entry are on disk. A crash earlier leaves
/// either nothing or a hidden `.unfinished` file. Exactly one of several concurrent writers succeeds.
pub fn write_key_file(path: &Path, key: &KeyPair, passphrase: Option<&str>) -> Result<(), KeyError> {
    write_secret_file(path, &key.to_pem(passphrase)?)
}

/// Writes any secret text with the guarantees of [`write_key_file`].
pub fn write_secret_file(path: &Path, text: &str) -> Result<(), KeyError> {
    let unfinished = TemporaryFile::beside(path).map_err(|source| io(path, source))?;
    unfinished.fill(text.as_bytes()).map_err(|source| io(path, source))?;
    // A hard link fails if the name is taken; a rename would replace the existing key.
    match std::fs::hard_link(&unfinished.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists(path.display().to_string()));
        }
        Err(error) => return Err(io(path, error)),
    }
    // The hidden name goes before the folder is synced, so that one sync covers both entries.
    drop(unfinished);
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(|source| io(path, source))
}

/// Temporary name of a file while it is written; removed when dropped.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// Chooses a random name that no other writer has and nobody can guess.
    fn beside(path: &Path) -> std::io::Result<Self> {
        if path.file_name().is_none() {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "this names a folder: add a file's name"));
        }
        let hidden = format!(".apiary-key-{:016x}.unfinished", rand::random::<u64>());
        Ok(Self(folder(path).join(hidden)))
    }

    /// Writes and syncs the text. `create_new` follows no link and opens no existing file.
    fn fill(&self, text: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0)?;
        file.write_all(text)?;
        file.sync_all()
    }
}

impl Drop for TemporaryFile {
    /// Removes the temporary name. If that fails, the file remains with mode 0600 and does no harm.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn io(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::Io { path: path.display().to_string(), source }
}
