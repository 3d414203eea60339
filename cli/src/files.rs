//! Reads files named on the command line, within bounds, and replaces files as a whole.

use std::fs::{File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::exit::{Exit, Fault};

/// Reads a file; `-` is standard input.
pub(crate) fn read(path: &Path, bytes_max: usize, what: &str) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX - 1) + 1;
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let mut bytes = Vec::new();
    if is_stdin {
        std::io::stdin().take(limit).read_to_end(&mut bytes).context(name.clone())?;
    } else {
        let file = File::open(path).map_err(|error| Fault::new(Exit::NotFound, format!("{name}: {error}")))?;
        file.take(limit).read_to_end(&mut bytes).context(name.clone())?;
    }
    if bytes.len() > bytes_max {
        return Err(Fault::usage(format!("{name} is too large: {what} at most {bytes_max} bytes")).into());
    }
    Ok(bytes)
}

/// Writes a file that everybody may read, as a whole: readers see the old one or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let folder = path.parent().context("it has no folder")?;
        let mut file = tempfile::Builder::new().prefix(".apiary-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        anyhow::Ok(File::open(folder)?.sync_all()?)
    };
    write().with_context(|| path.display().to_string())
}
