//! Files that hold secrets: inaccessible to other users of the machine, as far as this process can ensure that.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::KeyError;

/// Permission bits that give others any access.
const OTHERS: u32 = 0o077;
/// Permission bits that let others change the file.
const OTHERS_WRITE: u32 = 0o022;

/// Warning about a secret file that others can read and whose mode this process may not change, as Kubernetes and
/// Docker mount secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureWarning {
    path: String,
    mode: u32,
}

impl fmt::Display for ExposureWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode } = self;
        write!(
            f,
            "{path} holds a secret and can be read by others (mode {mode:04o}); it is used, because this process cannot \
             change that: mount it with mode 0400 if nobody else needs it"
        )
    }
}

/// Checks that an open file may hold a secret. Refuses a file that others can change, and a file that others can read
/// although this process may change its mode. For a link, the target's permissions count.
pub fn check_secret_file(path: &Path, file: &File) -> Result<Option<ExposureWarning>, KeyError> {
    let io = |source| KeyError::Io { path: path.display().to_string(), source };
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS == 0 || is_credential(path) {
        return Ok(None);
    }
    let path = path.display().to_string();
    // Setting the current mode again changes nothing, but shows whether owner, capabilities, mount and file attributes
    // together permit a change. A comparison of user ids would not show that.
    if file.set_permissions(metadata.permissions()).is_ok() {
        return Err(KeyError::Readable { path, mode });
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(KeyError::Writable { path, mode });
    }
    Ok(Some(ExposureWarning { path, mode }))
}

/// Returns `true` for a file that systemd provides to this program (`LoadCredential=`, systemd.exec(5)), such as
/// `key_file=%d/…` in a unit. Its folder and an access list keep others out, and the list makes the mode 0440 (acl(5):
/// group bits are the mask).
fn is_credential(path: &Path) -> bool {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    folder.is_some_and(|folder| path.parent() == Some(Path::new(&folder)))
}

/// Reads a text that holds a secret, up to a bound. Logs a warning if others can read the file and this process cannot
/// change that.
pub fn read_secret_file(path: &Path, bytes_max: usize) -> Result<Zeroizing<String>, KeyError> {
    let io = |source| KeyError::Io { path: path.display().to_string(), source };
    let file = File::open(path).map_err(io)?;
    if let Some(exposed) = check_secret_file(path, &file)? {
        tracing::warn!("{exposed}");
    }
    // Full capacity at once: growing would leave unwiped copies of the text in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(bytes_max + 64));
    file.take(bytes_max as u64).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}
