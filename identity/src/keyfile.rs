//! Key files: PKCS#8 PEM, for their owner's eyes only, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::{KeyError, KeyPair};

/// A key file has a few hundred bytes; more is some other file.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Reads a key pair. A file that others on the machine can read is refused.
pub fn read_key_file(path: &Path, passphrase: Option<&str>) -> Result<KeyPair, KeyError> {
    let io = |source| KeyError::Io { path: path.display().to_string(), source };
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Readable { path: path.display().to_string(), mode });
    }
    let mut pem = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX).read_to_string(&mut pem).map_err(io)?;
    KeyPair::from_pem(&pem, passphrase)
}

/// Writes a key pair to a new file of mode 0600. When it returns, file and folder entry are on disk; a
/// crash before leaves either nothing or a file beside it that is not taken for a key.
pub fn write_key_file(path: &Path, key: &KeyPair, passphrase: Option<&str>) -> Result<(), KeyError> {
    let io = |source: std::io::Error| KeyError::Io { path: path.display().to_string(), source };
    let pem = key.to_pem(passphrase)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished).map_err(io)?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    // A hard link fails if the name is taken, where a rename would replace the key that is there.
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished).map_err(io)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists(path.display().to_string()));
        }
        Err(error) => return Err(io(error)),
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
