//! Key files: PKCS#8 PEM, for their owner's eyes only, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::{KeyError, KeyPair, read_secret_file};

/// A key file has a few hundred bytes; more is some other file.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// Reads a key pair, from a file that is fit to hold a secret.
pub fn read_key_file(path: &Path, passphrase: Option<&str>) -> Result<KeyPair, KeyError> {
    KeyPair::from_pem(&read_secret_file(path, FILE_BYTES_MAX)?, passphrase)
}

/// Writes a key pair to a new file of mode 0600. When it returns, file and folder entry are on disk; a crash before leaves
/// either nothing or a file beside it that is not taken for a key. Of several writers at once, one wins.
pub fn write_key_file(path: &Path, key: &KeyPair, passphrase: Option<&str>) -> Result<(), KeyError> {
    write_secret_file(path, &key.to_pem(passphrase)?)
}

/// Writes any secret text in the way of [`write_key_file`].
pub fn write_secret_file(path: &Path, text: &str) -> Result<(), KeyError> {
    let unfinished = Unfinished::beside(path).map_err(|source| io(path, source))?;
    unfinished.fill(text.as_bytes()).map_err(|source| io(path, source))?;
    // A hard link fails if the name is taken, where a rename would replace the key that is there.
    match std::fs::hard_link(&unfinished.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists(path.display().to_string()));
        }
        Err(error) => return Err(io(path, error)),
    }
    drop(unfinished);
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(|source| io(path, source))
}

/// The name under which a key is written, before it gets its own.
struct Unfinished(PathBuf);

impl Unfinished {
    /// A name that no other writer has and nobody can guess.
    fn beside(path: &Path) -> std::io::Result<Self> {
        if path.file_name().is_none() {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "this names a folder: add a file's name"));
        }
        let hidden = format!(".apiary-key-{:016x}.unfinished", rand::random::<u64>());
        Ok(Self(folder(path).join(hidden)))
    }

    /// `create_new` follows no link and opens nothing that is there already.
    fn fill(&self, text: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0)?;
        file.write_all(text)?;
        file.sync_all()
    }
}

impl Drop for Unfinished {
    /// A name that stays, because this fails or never runs, is of mode 0600 and in nobody's way.
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
