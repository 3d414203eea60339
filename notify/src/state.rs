//! The file with what is open, what was told, and what has yet to be sent.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use apiary_settings::SettingError;
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::delivery::Queue;
use crate::limits::STATE_BYTES_MAX;
use crate::settings::STATE_FOLDER;

/// Version of the file's form.
const VERSION: u32 = 1;
/// Beginning of the files' names.
const PREFIX: &str = "notify-";

/// The notifier's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// The part.
    part: String,
    pub(crate) book: Book,
    /// The messages that have yet to be sent, by target.
    pub(crate) queues: BTreeMap<String, Queue>,
}

/// The state's file, locked while this value exists.
pub(crate) struct StateFile {
    path: PathBuf,
    part: String,
    /// The bytes that were written last.
    written: Vec<u8>,
    _lock: File,
}

impl StateFile {
    /// Opens the file of a part, and reads it. One that cannot be read is moved aside.
    pub(crate) fn open(folder: &Path, part: &str) -> Result<(Self, State), SettingError> {
        let path = path(folder, part);
        let failed = |error: std::io::Error| {
            SettingError::new(format!("the notifier's state {}: {error}", path.display()))
                .with_hint(format!("set `{}` to a folder that this part may write", STATE_FOLDER.key))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"));
        let lock = lock.map_err(failed)?;
        if lock.try_lock().is_err() {
            let words = format!("another process uses the notifier's state {}", path.display());
            let hint = format!("give each part a folder of its own: set `{}`", STATE_FOLDER.key);
            return Err(SettingError::new(words).with_hint(hint));
        }
        let state = match read(&path) {
            Ok(state) => state.unwrap_or_default(),
            Err(error) => {
                let aside = path.with_extension("damaged");
                let file = path.display();
                tracing::warn!(%file, %error, "the notifier's state is unusable; open findings are sent again");
                std::fs::rename(&path, aside).map_err(failed)?;
                State::default()
            }
        };
        Ok((Self { path: path.clone(), part: part.to_owned(), written: Vec::new(), _lock: lock }, state))
    }

    /// Writes the state, if it has changed: a reader, and a start after a crash, finds the old one or the new one.
    pub(crate) fn write(&mut self, state: &mut State) -> std::io::Result<()> {
        (state.version, state.part) = (VERSION, self.part.clone());
        let bytes = serde_json::to_vec(state)?;
        if bytes == self.written {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".notify-").tempfile_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        self.written = bytes;
        File::open(folder)?.sync_all()
    }
}

fn path(folder: &Path, part: &str) -> PathBuf {
    let name: String = part.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    folder.join(format!("{PREFIX}{name}.json"))
}

/// Reads a state; `None` if there is no file.
fn read(path: &Path) -> std::io::Result<Option<State>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(STATE_BYTES_MAX).read_to_end(&mut bytes)?;
    let state: State = serde_json::from_slice(&bytes)?;
    match state.version {
        VERSION => Ok(Some(state)),
        other => Err(std::io::Error::new(ErrorKind::InvalidData, format!("its version {other} is unknown here"))),
    }
}

/// A finding that is open, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenFinding {
    /// The colony's name; empty for a condition of the part itself.
    pub colony: String,
    /// The kind.
    pub kind: String,
    /// The thing concerned. May be empty.
    pub subject: String,
    /// The finding in a sentence.
    pub text: String,
    /// The number of processes, executors or occurrences.
    pub count: i64,
    /// The time since which it lasts, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// The time at which it was sent, if it was.
    pub told_ms: Option<i64>,
}

/// The memory of one part's notifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The part.
    pub part: String,
    /// The open findings.
    pub open: Vec<OpenFinding>,
    /// The number of messages that have yet to be sent, by target.
    pub waiting: BTreeMap<String, usize>,
}

/// Reads the files in a folder: what is open in each part that has run here.
///
/// # Errors
///
/// The folder or a file cannot be read; a folder that is not there has no files.
pub fn overview(folder: &Path) -> std::io::Result<Vec<Overview>> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut parts = Vec::new();
    for file in files {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(PREFIX) || !name.ends_with(".json") {
            continue;
        }
        let in_file = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{name}: {error}"));
        let Some(state) = read(&path).map_err(in_file)? else { continue };
        let open = state.book.open().map(|entry| OpenFinding {
            colony: entry.colony.clone(),
            kind: entry.kind.clone(),
            subject: entry.subject.clone(),
            text: entry.text.clone(),
            count: entry.count,
            since_ms: entry.since_ms,
            told_ms: entry.told_ms,
        });
        let waiting = state.queues.iter().map(|(target, queue)| (target.clone(), queue.len()));
        let waiting = waiting.filter(|(_, messages)| *messages > 0).collect();
        parts.push(Overview { part: state.part.clone(), open: open.collect(), waiting });
    }
    parts.sort_by(|one, other| one.part.cmp(&other.part));
    Ok(parts)
}
