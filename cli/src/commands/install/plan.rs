//! A plan: folders and files to write, and what is there in their places.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use crate::exit::Fault;
use crate::files;

/// Bytes of the largest file that is compared; a unit has a few thousand.
const FILE_BYTES_MAX: usize = 256 * 1024;

/// State of a file's place before the plan is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The place is empty.
    New,
    /// The very same text is there.
    Same,
    /// Another text is there.
    Changed,
    /// Settings are there, which are their owner's, whatever they say.
    Kept,
}

/// A file of the plan.
#[derive(Serialize)]
pub(super) struct Planned {
    pub(super) file: PathBuf,
    pub(super) state: State,
    #[serde(skip)]
    text: String,
}

/// Folders and files to write.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) files: Vec<Planned>,
    /// Folders with their modes, parents first.
    folders: Vec<(PathBuf, u32)>,
}

impl Plan {
    /// Adds a folder.
    pub(super) fn folder(&mut self, path: PathBuf, mode: u32) {
        self.folders.push((path, mode));
    }

    /// Adds a file that belongs to this program.
    pub(super) fn file(&mut self, path: PathBuf, text: String) -> anyhow::Result<()> {
        // Bees share a unit.
        if self.files.iter().any(|planned| planned.file == path) {
            return Ok(());
        }
        let state = match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => State::New,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
            Ok(_) if files::read(&path, FILE_BYTES_MAX, "a unit has")? == text.as_bytes() => State::Same,
            Ok(_) => State::Changed,
        };
        self.files.push(Planned { file: path, state, text });
        Ok(())
    }

    /// Adds a file that belongs to the operator once it is there.
    pub(super) fn starter(&mut self, path: PathBuf, text: String) {
        let state = if path.symlink_metadata().is_ok() { State::Kept } else { State::New };
        self.files.push(Planned { file: path, state, text });
    }

    /// Rejects a plan that would overwrite what somebody changed.
    pub(super) fn check_unchanged(&self) -> Result<(), Fault> {
        let changed = self.files.iter().filter(|planned| planned.state == State::Changed);
        let names: Vec<String> = changed.map(|planned| planned.file.display().to_string()).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Fault::failure(format!("not as this program writes it, and not overwritten: {}", names.join(", ")))
            .hint("move your changes into a drop-in (`systemctl edit UNIT`), then repeat with --force"))
    }

    /// Writes what is missing or changed. Each file is there as a whole, or as it was.
    pub(super) fn carry_out(&self) -> anyhow::Result<()> {
        for (folder, mode) in &self.folders {
            // The mode of a folder that is there is its owner's choice.
            let made = DirBuilder::new().recursive(true).mode(*mode).create(folder);
            made.with_context(|| folder.display().to_string())?;
        }
        let to_write = self.files.iter().filter(|planned| matches!(planned.state, State::New | State::Changed));
        for planned in to_write {
            files::replace(&planned.file, &planned.text)?;
        }
        Ok(())
    }
}
