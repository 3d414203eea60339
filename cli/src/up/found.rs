//! Finds the data folder of an `apiary up`, and its contents, for other commands.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use apiary_adapters::Source;
use apiary_bees::Bee;
use apiary_settings::{Kind, Setting, Value, Values};
use secrecy::SecretString;

use super::folder::{LOCK, LOCK_BYTES_MAX, SPOOL};
use super::signing_secret;
use crate::exit::Fault;
use crate::settings::{Settings, default_data_folder, table};

/// Returns the data folder of the settings: the named one; else that of the profile, unless another colony is pinned;
/// else, without any configuration file, the default one.
pub(crate) fn data_folder(settings: &Settings) -> Option<PathBuf> {
    if let Some(named) = settings.path(&table::DATA) {
        return Some(named);
    }
    match settings.file() {
        Some(file) => {
            let file = std::path::absolute(file).ok()?;
            // The lock file marks a folder of `apiary up`; a profile alone does not, because users may write one
            // anywhere.
            file.parent().filter(|folder| folder.join(LOCK).exists() && pins(&file, settings)).map(Path::to_owned)
        }
        None => default_data_folder(),
    }
}

/// Returns true if the pinned colony is the file's, whatever the environment and the flags say.
fn pins(file: &Path, settings: &Settings) -> bool {
    Settings::of_file(file).is_ok_and(|own| own.id(&table::COLONY) == settings.id(&table::COLONY))
}

/// Returns the webhook adapter's address: the configured one; else that of a running `apiary up`; else the default.
pub(crate) fn webhook_address(settings: &Settings) -> Result<SocketAddr, Fault> {
    let set = settings.socket(&table::WEBHOOK_LISTEN);
    let told = || data_folder(settings).and_then(|folder| announced(&folder));
    let address = if settings.is_set(&table::WEBHOOK_LISTEN) { set } else { told().or(set) };
    address.ok_or_else(|| Fault::usage("`webhook.listen` is not set"))
}

/// Returns the signing secret that `apiary up` generated for a source, if there is one.
pub(crate) fn webhook_secret(folder: &Path, source: &dyn Source) -> anyhow::Result<Option<SecretString>> {
    signing_secret::read(folder, source)
}

/// Returns the settings of a bee for commands that inspect it: those in effect; or, if none of them is set, those of the
/// bee inside `apiary up`, if its files exist.
pub(crate) fn bee_values(bee: &dyn Bee, settings: &Settings) -> Values {
    let Some(folder) = data_folder(settings) else { return settings.values().clone() };
    let local = bee.local(&folder);
    let is_missing = |(setting, value): &(&Setting, Value)| {
        matches!(setting.kind, Kind::Path) && value.path().is_none_or(|path| !path.exists())
    };
    if local.is_overruled(settings) || local.set.iter().any(is_missing) {
        return settings.values().clone();
    }
    settings.with(local.set, &folder)
}

/// Returns the webhook adapter's spool: the configured one; else that in the data folder of an `apiary up`; else the
/// default. If none exists, the one that a named data folder would have.
pub(crate) fn spool(settings: &Settings) -> PathBuf {
    let set = settings.path(&table::WEBHOOK_SPOOL).unwrap_or_default();
    let is_folder_named = settings.path(&table::DATA).is_some() || settings.file().is_some();
    if settings.is_set(&table::WEBHOOK_SPOOL) || (!is_folder_named && set.is_dir()) {
        return set;
    }
    let is_data_named = settings.path(&table::DATA).is_some();
    let is_meant = |path: &PathBuf| path.is_dir() || (is_data_named && !set.is_dir());
    data_folder(settings).map(|folder| folder.join(SPOOL)).filter(is_meant).unwrap_or(set)
}

/// Reads the address that a running `apiary up` wrote into its lock file.
fn announced(folder: &Path) -> Option<SocketAddr> {
    let mut text = String::new();
    std::fs::File::open(folder.join(LOCK)).ok()?.take(LOCK_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.lines().nth(1)?.parse().ok()
}
