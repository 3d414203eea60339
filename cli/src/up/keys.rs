//! The keys of a local colony: generated once, never overwritten.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use apiary_bees::ALL;
use apiary_identity::{KeyError, KeyPair, read_key_file, write_key_file};

use super::folder::Folder;
use crate::exit::Fault;

/// The keys of all parts of a local colony.
pub(super) struct Keys {
    /// Key that may create colonies at this broker.
    pub(super) server_owner: KeyPair,
    /// Key of the colony, the root of trust.
    pub(super) colony: KeyPair,
    /// Key of the webhook adapter, for all sources.
    pub(super) adapter: KeyPair,
    /// Key of each bee, in the order of `apiary_bees::ALL`.
    pub(super) bees: Vec<KeyPair>,
    /// Key of the user at this machine.
    pub(super) operator: KeyPair,
}

/// File of the adapter's key. The name is older than the other sources, and kept for existing folders.
const ADAPTER_FILE: &str = "stripe-adapter.pem";
/// File of the key that the client's profile names.
pub(super) const OPERATOR_FILE: &str = "operator.pem";

impl Keys {
    /// Reads the keys; generates missing ones. All but the colony's can be replaced at any time, because a new key gets
    /// a grant. The colony's key cannot: everything is signed with it.
    pub(super) fn open(folder: &Folder) -> anyhow::Result<Self> {
        let keys = folder.keys();
        let file = |name: &str| keys.join(name);
        Ok(Self {
            colony: colony_key(folder, &file("colony.pem"))?,
            server_owner: key(&file("server-owner.pem"))?,
            adapter: key(&file(ADAPTER_FILE))?,
            bees: ALL.iter().map(|bee| key(&file(&format!("{}.pem", bee.name())))).collect::<Result<_, _>>()?,
            operator: key(&file(OPERATOR_FILE))?,
        })
    }
}

fn colony_key(folder: &Folder, path: &Path) -> anyhow::Result<KeyPair> {
    // A first start writes this file before all others. If others exist, the key existed, too, and is lost.
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
        // The file is not text.
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::InvalidData => {
            Err(Fault::failure(format!("{} cannot be used: it is not PEM", path.display())).hint(advice).into())
        }
        other => Ok(other?),
    }
}
