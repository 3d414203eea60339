//! Room on the spool's disk that is kept for a disk that is full: to take an event out of the line needs some, too.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::limits::{SPOOL_RESERVE_BYTES, SPOOL_RESERVE_MARGIN_BYTES};

/// A file of no meaning beside the spool's. It is there before an event is taken, so that whatever was taken can leave again: when
/// the disk is full it is deleted, and until it can be made anew no event is taken that would use up its room.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    is_held: bool,
    /// Bytes that were given up last: more must be free before it is made anew, or what it gave would come and go.
    given_up: u64,
}

impl Reserve {
    /// Finds the reserve in this folder, or makes it if there is room.
    pub(super) async fn take(folder: &Path) -> Self {
        let mut reserve = Self { path: folder.join("reserve"), is_held: false, given_up: 0 };
        reserve.ensure().await;
        reserve
    }

    /// Whether the room is kept.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Keeps the room, if it is there; returns whether it is kept.
    pub(super) async fn ensure(&mut self) -> bool {
        if !self.is_held {
            let (path, given_up) = (self.path.clone(), self.given_up);
            let made = tokio::task::spawn_blocking(move || make(&path, given_up)).await;
            self.is_held = made.is_ok_and(|made| {
                made.inspect_err(|error| tracing::debug!(%error, "no room to keep for a full disk")).is_ok()
            });
        }
        self.is_held
    }

    /// Gives the room to whoever writes next; returns whether there was any.
    pub(super) async fn give_up(&mut self) -> bool {
        if !std::mem::take(&mut self.is_held) {
            return false;
        }
        tracing::warn!(
            "the spool's disk is full: what waits is forwarded, and no event is taken until there is room; make room"
        );
        self.given_up = tokio::fs::metadata(&self.path).await.map_or(0, |found| found.len());
        tokio::fs::remove_file(&self.path).await.is_ok()
    }
}

/// Makes the largest that there is room for; not less than was given up, and only if there is some room beside it.
fn make(path: &Path, given_up: u64) -> io::Result<()> {
    let mut made = Ok(());
    for bytes in SPOOL_RESERVE_BYTES.into_iter().filter(|bytes| *bytes >= given_up) {
        if std::fs::metadata(path).is_ok_and(|found| found.len() >= bytes) {
            return Ok(());
        }
        made = fill(path, if given_up > 0 { bytes + SPOOL_RESERVE_MARGIN_BYTES } else { bytes })
            .and_then(|file| file.set_len(bytes));
        if made.is_ok() {
            return Ok(());
        }
        // A part of it is room that the events need.
        std::fs::remove_file(path).ok();
    }
    made
}

fn fill(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let block = [0xa5; 16 * 1024];
    for _ in 0..bytes / 16 / 1024 {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(file)
}
