//! Reserves room on the spool's disk for a full disk: removing an event from the line needs some, too.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::limits::{SPOOL_RESERVE_BYTES, SPOOL_RESERVE_MARGIN_BYTES};

/// A filler file beside the spool's. It exists before an event is accepted, so that every accepted event can be removed
/// again: when the disk is full, the file is deleted. Until it can be created again, no event is accepted that would
/// use its room.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    is_held: bool,
    /// Size of the reserve given up last, in bytes. Creating it again needs more free room than that: otherwise it
    /// would come and go.
    given_up: u64,
}

impl Reserve {
    /// Finds the reserve in this folder, or creates it if there is room.
    pub(super) async fn take(folder: &Path) -> Self {
        let mut reserve = Self { path: folder.join("reserve"), is_held: false, given_up: 0 };
        reserve.ensure().await;
        reserve
    }

    /// Returns true if the reserve exists.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Creates the reserve if missing; returns true if it exists.
    pub(super) async fn ensure(&mut self) -> bool {
        if !self.is_held {
            let (path, given_up) = (self.path.clone(), self.given_up);
            let made = tokio::task::spawn_blocking(move || make(&path, given_up)).await;
            self.is_held = made.is_ok_and(|made| {
                made.inspect_err(|error| tracing::debug!(%error, "cannot reserve room for a full disk")).is_ok()
            });
        }
        self.is_held
    }

    /// Deletes the reserve, for the next write; returns true if there was one.
    pub(super) async fn give_up(&mut self) -> bool {
        if !std::mem::take(&mut self.is_held) {
            return false;
        }
        tracing::warn!(
            "the spool's disk is full: stored events are forwarded, and new ones are refused until there is room; make room"
        );
        self.given_up = tokio::fs::metadata(&self.path).await.map_or(0, |found| found.len());
        tokio::fs::remove_file(&self.path).await.is_ok()
    }
}

/// Creates the largest reserve that fits; not smaller than the one given up, and only with some room beside it.
fn make(path: &Path, given_up: u64) -> io::Result<()> {
    let mut made = Ok(());
    for bytes in SPOOL_RESERVE_BYTES.into_iter().filter(|bytes| *bytes >= given_up) {
        if std::fs::metadata(path).is_ok_and(|found| found.len() >= bytes) {
            return Ok(());
        }
        // Filled with the margin and then shortened, which proves that the margin is free, too.
        made = fill(path, if given_up > 0 { bytes + SPOOL_RESERVE_MARGIN_BYTES } else { bytes })
            .and_then(|file| file.set_len(bytes));
        if made.is_ok() {
            return Ok(());
        }
        // A partial file would take room that the events need.
        std::fs::remove_file(path).ok();
    }
    made
}

fn fill(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Not zeros, which a file system may store without using room.
    let block = [0xa5; 16 * 1024];
    for _ in 0..bytes / 16 / 1024 {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(file)
}
