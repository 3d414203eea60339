//! The data folder: its layout, and a lock for a single `apiary up`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_adapters::Source;
use apiary_identity::{KeyError, read_secret_file};
use zeroize::Zeroizing;

use crate::exit::Fault;

/// Name of the client's configuration file in the folder.
pub(crate) const PROFILE: &str = "apiary.toml";
/// Bytes of the longest path of a Unix socket (unix(7): 108 with the last NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Name of the webhook adapter's spool in the folder.
pub(super) const SPOOL: &str = "spool";
/// Name of the lock file: the `apiary up` that uses the folder locks it, and writes its process number and its webhook
/// adapter's address.
pub(super) const LOCK: &str = "up.lock";
/// Bytes of the lock file: a number and an address.
pub(super) const LOCK_BYTES_MAX: u64 = 100;
/// Extension of files that are being written.
const UNFINISHED: &str = "unfinished";

/// The data folder, locked while this value exists.
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Creates the folder if missing, locks it, and removes files that an interrupted start left unfinished.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
        make_private(&path)?;
        let lock = lock(&path)?;
        let folder = Self { path, lock };
        let keys = folder.keys();
        make_private(&keys)?;
        if keys.metadata().with_context(|| keys.display().to_string())?.mode() & 0o077 != 0 {
            std::fs::set_permissions(&keys, Permissions::from_mode(0o700))
                .with_context(|| keys.display().to_string())?;
        }
        remove_unfinished(&folder.path)?;
        remove_unfinished(&keys)?;
        if folder.socket().as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(Fault::usage(format!(
                "{} is too long a path for the broker's Unix socket: choose a shorter one with --data",
                folder.path.display()
            ))
            .into());
        }
        Ok(folder)
    }

    /// Returns the folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder of the secrets.
    pub(crate) fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// Returns the file with the signing secret of a source, used if the settings name none.
    pub(crate) fn signing_secret(&self, source: &dyn Source) -> PathBuf {
        signing_secret_in(&self.path, source)
    }

    /// Publishes the webhook adapter's address for other commands, while this value exists.
    pub(crate) fn announce(&self, webhooks: SocketAddr) -> anyhow::Result<()> {
        write_lock(&self.lock, &format!("{webhooks}\n")).with_context(|| self.path.join(LOCK).display().to_string())
    }

    /// Returns the path of the broker's database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("broker.db")
    }

    /// Returns the path of the broker's Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("broker.sock")
    }

    /// Returns the path of the adapter's spool.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join(SPOOL)
    }

    /// Returns the path of the client's configuration file.
    pub(crate) fn profile(&self) -> PathBuf {
        self.path.join(PROFILE)
    }
}

impl Drop for Folder {
    /// Clears the lock file, so that nobody finds an address without a listener.
    fn drop(&mut self) {
        let _ = self.lock.set_len(0);
    }
}

/// Returns the file with the signing secret of a source in a data folder.
pub(super) fn signing_secret_in(folder: &Path, source: &dyn Source) -> PathBuf {
    folder.join(format!("keys/{}-webhook-secret", source.name()))
}

/// Writes a file of mode 0600 atomically: it is complete or missing. An existing file is left as it is.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_added_extension(UNFINISHED);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        // On the disk before it gets its name: a crash must not leave an empty file under that name.
        file.sync_all()?;
        // A hard link fails if the name is in use; a rename would replace the existing file.
        match std::fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => std::fs::remove_file(&unfinished)?,
        }
        // The directory entry must be on the disk, too.
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().with_context(|| path.display().to_string())
}

/// Reads a secret; `None` if the file is missing.
pub(super) fn read_private(path: &Path, bytes_max: usize) -> anyhow::Result<Option<Zeroizing<String>>> {
    match read_secret_file(path, bytes_max) {
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read?)),
    }
}

fn make_private(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| path.display().to_string())
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.take(LOCK_BYTES_MAX).read_to_string(&mut owner).ok();
            let owner = owner.lines().next().unwrap_or_default();
            let owner = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
            return Err(Fault::failure(format!("`apiary up` runs already in {}{owner}", folder.display()))
                .hint("stop it, or choose another folder with --data")
                .into());
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(|| path.display().to_string()),
    }
    // Information for the next `apiary up`; the lock itself belongs to the system, and ends with the process.
    write_lock(&file, "").with_context(|| path.display().to_string())?;
    Ok(file)
}

fn write_lock(mut file: &File, addresses: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}\n{addresses}", std::process::id())
}

fn remove_unfinished(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|extension| extension == UNFINISHED) {
            std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
