//! The checkout, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Folders without files of people.
const NOT_OURS: [&str; 3] = ["target", ".git", "node_modules"];

/// A text file of the checkout.
pub(crate) struct TextFile {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// Content.
    pub(crate) text: String,
}

impl TextFile {
    /// Returns `true` if the file is generated.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.contains("/generated/") || self.path.ends_with(".lock") || self.path.ends_with("package-lock.json")
    }

    /// Returns `true` if the file is the expected output of the command after which it is named, compared letter by
    /// letter.
    pub(crate) fn is_printed(&self) -> bool {
        self.path.starts_with("cli/tests/cmd/")
    }

    /// Returns its name without folders and extension.
    pub(crate) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split_once('.').map_or(name, |(stem, _)| stem)
    }

    /// Returns `true` if all of the file is code of tests or of their harnesses.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs")
    }

    /// Returns the numbered lines of Rust that belong to tests, without comments: in a file of the program, from its
    /// module of tests on.
    pub(crate) fn test_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let first = if self.is_test() {
            Some(0)
        } else {
            let lines: Vec<&str> = self.text.lines().collect();
            lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'))
        };
        self.code().skip(first.unwrap_or(usize::MAX))
    }

    /// Returns numbered lines of Rust, without comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }
}

/// Returns the root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns every text file of the checkout, in order.
pub(crate) fn files() -> &'static [TextFile] {
    static FILES: OnceLock<Vec<TextFile>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        read(&root(), "", &mut files);
        files.sort_by(|left, right| left.path.cmp(&right.path));
        files
    })
}

/// Returns the files below a folder (named with its closing `/`) whose names have this ending.
pub(crate) fn under(folder: &str, ending: &str) -> impl Iterator<Item = &'static TextFile> {
    files().iter().filter(move |file| file.path.starts_with(folder) && file.path.ends_with(ending))
}

/// Returns a file; `None` if it does not exist.
pub(crate) fn file(path: &str) -> Option<&'static TextFile> {
    files().iter().find(|file| file.path == path)
}

/// Returns the Rust files written by people.
pub(crate) fn rust() -> impl Iterator<Item = &'static TextFile> {
    under("", ".rs").filter(|file| !file.is_generated())
}

/// Returns the Rust files of tests and their harnesses, without the tidy tests, which contain all marks.
pub(crate) fn tests() -> impl Iterator<Item = &'static TextFile> {
    rust().filter(|file| file.is_test() && !file.path.starts_with("tests/tidy/"))
}

/// Returns the positions of `word` in `text` as a whole word.
pub(crate) fn words(text: &str, word: &str) -> impl Iterator<Item = usize> {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(start, _)| start).filter(move |start| {
        !text[..*start].ends_with(part_of_word) && !text[*start + word.len()..].starts_with(part_of_word)
    })
}

fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(found) = line[from..].find("//") {
        let start = from + found;
        // The `//` of `https://` is no comment.
        if !line[..start].ends_with(':') {
            return &line[..start];
        }
        from = start + 2;
    }
    line
}

fn read(folder: &Path, prefix: &str, files: &mut Vec<TextFile>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if entry.path().is_dir() {
            read(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(TextFile { path, text });
        }
    }
}
