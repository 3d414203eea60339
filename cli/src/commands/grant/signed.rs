//! Signed statements of the colony in files: signed offline, delivered from any machine.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apiary_identity::{Document, Envelope, Id, KeyPair};

use crate::context::Context;
use crate::exit::{Exit, Fault};
use crate::keys;

/// Bytes of the largest file that is read; a statement has a few hundred.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the colony's secret key. A key of another colony than the pinned one is rejected.
pub(crate) fn colony_key(context: &Context, file: Option<&PathBuf>) -> anyhow::Result<KeyPair> {
    let path = file.map_or(Path::new("-"), PathBuf::as_path);
    let key = keys::from_file(&context.settings, path)?;
    check_pin(context, key.id())?;
    Ok(key)
}

fn check_pin(context: &Context, colony: Id) -> anyhow::Result<()> {
    match context.settings.id(&crate::settings::table::COLONY) {
        Some(pinned) if pinned != colony => Err(Fault::usage(format!(
            "--colony-key is the key of {colony}, and the colony that is set is {pinned}: use that colony's key"
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Signs a statement.
pub(crate) fn seal<D: Document>(key: &KeyPair, document: &D) -> anyhow::Result<Envelope> {
    Ok(Envelope::seal(key, document).map_err(|error| Fault::usage(error.to_string()))?)
}

/// Reads a signed statement; `-` is standard input.
pub(crate) fn read<D: Document>(path: &Path) -> anyhow::Result<Envelope> {
    let mut json = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_end(&mut json).context("standard input")?;
    } else {
        let file = std::fs::File::open(path).map_err(|error| {
            let exit = if error.kind() == ErrorKind::NotFound { Exit::NotFound } else { Exit::Failure };
            Fault::new(exit, format!("{}: {error}", path.display()))
        })?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut json).with_context(|| path.display().to_string())?;
    }
    let envelope = Envelope::from_json(&json).map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    // Checked here as well, so that the error names the damaged file.
    envelope.open::<D>().map_err(|error| Fault::new(Exit::Broken, format!("{}: {error}", path.display())))?;
    Ok(envelope)
}

/// Writes a signed statement to a new file; `-` is standard output.
pub(crate) fn write(path: &Path, envelope: &Envelope) -> anyhow::Result<()> {
    let json = String::from_utf8(envelope.to_json()).unwrap_or_default();
    if path == Path::new("-") {
        return crate::output::print_line(&json);
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Fault::failure(format!("{} exists and is not overwritten: choose another file", path.display()))
        }
        _ => Fault::failure(format!("{}: {error}", path.display())),
    })?;
    file.write_all(json.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .with_context(|| path.display().to_string())
}
