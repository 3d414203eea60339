//! Sources of secret keys: a file, standard input, the environment, a systemd credential.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use apiary_identity::{Id, KeyError, KeyPair, read_secret_file};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::exit::{Exit, Fault};
use crate::passphrase;
use crate::settings::{Settings, table};

/// Bytes of the largest key file; a key has a few hundred.
const BYTES_MAX: usize = 16 * 1024;

/// Reads the key of the settings. Of `key` and `key_file`, the one with the stronger origin counts.
pub(crate) fn from_settings(settings: &Settings) -> anyhow::Result<KeyPair> {
    let (inline, file) = (settings.origin(&table::KEY), settings.origin(&table::KEY_FILE));
    match (settings.secret(&table::KEY), settings.path(&table::KEY_FILE)) {
        (None, None) => Err(Fault::usage("no key is set")
            .hint("give --key-file FILE, set `key_file` in apiary.toml, or set APIARY_KEY_FILE or APIARY_KEY")
            .into()),
        (Some(_), Some(_)) if rank(inline) == rank(file) => {
            Err(Fault::usage("both APIARY_KEY and APIARY_KEY_FILE are set: unset one").into())
        }
        (Some(pem), _) if rank(inline) > rank(file) => open(settings, pem.expose_secret(), "the key in APIARY_KEY")
            .with_context(|| inline.map(ToString::to_string).unwrap_or_default()),
        (_, file) => from_file(settings, &file.unwrap_or_default()),
    }
}

/// Reads the key in this file; `-` is standard input. An encrypted key is decrypted with the passphrase of the
/// settings, or one entered at the terminal.
pub(crate) fn from_file(settings: &Settings, path: &Path) -> anyhow::Result<KeyPair> {
    if path == Path::new("-") {
        let mut pem = Zeroizing::new(String::new());
        std::io::stdin().take(BYTES_MAX as u64).read_to_string(&mut pem).context("standard input")?;
        return open(settings, &pem, "the key on standard input").context("standard input");
    }
    if path.is_dir() {
        return Err(Fault::usage(format!("{} is a folder: name the key file in it", path.display())).into());
    }
    match read_secret_file(path, BYTES_MAX) {
        Err(KeyError::Io { path, source }) if source.kind() == std::io::ErrorKind::NotFound => {
            let fault = Fault::new(Exit::NotFound, format!("no key file {path}"));
            Err(fault.hint(format!("`apiary key new {path}` creates one")).into())
        }
        read => open(settings, &read?, &path.display().to_string()).with_context(|| path.display().to_string()),
    }
}

/// Reads the id from a file with a secret or a public key.
pub(crate) fn id_from_file(settings: &Settings, path: &Path) -> anyhow::Result<Id> {
    if path != Path::new("-")
        && let Ok(text) = std::fs::read_to_string(path)
        && text.contains("BEGIN PUBLIC KEY")
    {
        return Id::from_spki_pem(text.trim()).with_context(|| path.display().to_string());
    }
    Ok(from_file(settings, path)?.id())
}

fn open(settings: &Settings, pem: &str, what: &str) -> anyhow::Result<KeyPair> {
    match KeyPair::from_pem(pem, None) {
        Err(KeyError::PassphraseMissing) => {
            Ok(KeyPair::from_pem(pem, Some(passphrase::of_key(settings, what)?.expose_secret()))?)
        }
        other => Ok(other?),
    }
}

/// Ranks an origin, whatever it names.
fn rank(origin: Option<&crate::settings::Origin>) -> u8 {
    use crate::settings::Origin;
    match origin {
        None => 0,
        Some(Origin::Default) => 1,
        Some(Origin::File(_)) => 2,
        Some(Origin::Credential(_)) => 3,
        Some(Origin::Environment(_)) => 4,
        Some(Origin::Flag(_)) => 5,
    }
}
