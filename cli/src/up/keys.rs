//! The keys of a local colony: made once, never overwritten.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apiary_identity::{KeyError, KeyPair, read_key_file, write_key_file};

use super::folder::Folder;
use crate::exit::Fault;

/// Everybody in a local colony.
pub(super) struct Keys {
    /// May create colonies at this broker.
    pub(super) server_owner: KeyPair,
    /// The root of trust.
    pub(super) colony: KeyPair,
    /// The webhook adapter.
    pub(super) stripe_adapter: KeyPair,
    /// The finance bee.
    pub(super) finance: KeyPair,
    /// The echo bee.
    pub(super) echo: KeyPair,
    /// Whoever sits at this machine.
    pub(super) operator: KeyPair,
}

/// The file of the key that the client's profile names.
pub(super) const OPERATOR_FILE: &str = "operator.pem";

impl Keys {
    /// Reads the keys; makes those that are missing. All but the colony's can be made anew at any time: the new key gets
    /// a grant. The colony's is what everything was signed with.
    pub(super) fn open(folder: &Folder) -> anyhow::Result<Self> {
        let keys = folder.keys();
        let file = |name: &str| keys.join(name);
        Ok(Self {
            colony: colony_key(folder, &file("colony.pem"))?,
            server_owner: key(&file("server-owner.pem"))?,
            stripe_adapter: key(&file("stripe-adapter.pem"))?,
            finance: key(&file("finance.pem"))?,
            echo: key(&file("echo.pem"))?,
            operator: key(&file(OPERATOR_FILE))?,
        })
    }
}

fn colony_key(folder: &Folder, path: &Path) -> anyhow::Result<KeyPair> {
    // It is the first file that a first start writes; so where there are others, it was there, and is lost.
    let later: Vec<PathBuf> = [folder.database(), folder.profile()].into_iter().filter(|path| path.exists()).collect();
    if let (false, Some(there)) = (path.exists(), later.first()) {
        return Err(Fault::failure(format!(
            "{} is missing, and {} belongs to its colony",
            path.display(),
            there.display()
        ))
        .hint(format!(
            "restore the key from your backup; or move {} away, and `apiary up` starts a new colony",
            folder.path().display()
        ))
        .into());
    }
    open(path, "restore it from your backup; or move the whole data folder away, and `apiary up` starts a new colony")
}

fn key(path: &Path) -> anyhow::Result<KeyPair> {
    open(path, "move it away, and `apiary up` makes a new one")
}

fn open(path: &Path, advice: &str) -> anyhow::Result<KeyPair> {
    if !path.exists() {
        let key = KeyPair::generate();
        write_key_file(path, &key, None)?;
        return Ok(key);
    }
    match read_key_file(path, None) {
        Err(error @ (KeyError::Format(_) | KeyError::PassphraseMissing)) => {
            Err(Fault::failure(format!("{} cannot be used: {error}", path.display())).hint(advice).into())
        }
        // Bytes that are no text.
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::InvalidData => {
            Err(Fault::failure(format!("{} cannot be used: it is no PEM", path.display())).hint(advice).into())
        }
        other => Ok(other?),
    }
}
