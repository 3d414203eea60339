//! Prints data on standard output, and everything else on standard error.

mod progress;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use apiary_daemon::LogWriter;
use serde::Serialize;

pub(crate) use self::progress::Progress;
pub(crate) use self::table::{hanging, listing, table};
use crate::exit::ReaderGone;

/// Format of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// A JSON document on each line
    Json,
}

/// Use of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Style of a good result.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Style of a fault.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Style of a warning.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Style of an emphasis.
pub(crate) const STRONG: Style = Style::new().bold();

impl Color {
    /// Applies the choice to the whole program.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

impl Format {
    /// Prints a document: its JSON in a line, or the result of `text`.
    pub(crate) fn print<T: Serialize>(self, document: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self {
            Self::Json => print_line(&serde_json::to_string(document)?),
            Self::Text => print_line(text(document).trim_end_matches('\n')),
        }
    }
}

/// Queues for both streams of a service.
struct Streams {
    output: LogWriter,
    error: LogWriter,
}

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// Time limit for writing the queues at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Switches the output to queues, so that a reader that stops reading cannot block the program.
pub(crate) fn never_wait() -> io::Result<()> {
    let streams = Streams { output: LogWriter::start(&io::stdout())?, error: LogWriter::start(&io::stderr())? };
    // Only the first call has an effect.
    let _ = STREAMS.set(streams);
    Ok(())
}

/// Waits for a short time until everything is written.
pub(crate) fn finish() {
    if let Some(streams) = STREAMS.get() {
        streams.output.flush_within(LAST_LINES);
        streams.error.flush_within(LAST_LINES);
    }
}

/// Standard error whose failures are ignored. A command that ends by itself waits for its reader; a service does not.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match STREAMS.get() {
            Some(streams) => streams.error.push(bytes),
            // A closed standard error is ignored.
            None => _ = io::stderr().write_all(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Renders a line for its stream, with colours if the stream supports them.
fn rendered(line: &str, choice: anstream::ColorChoice) -> Vec<u8> {
    let mut stream = AutoStream::new(Vec::new(), choice);
    // Writing to a vector cannot fail.
    let _ = writeln!(stream, "{line}");
    stream.into_inner()
}

/// Prints a line of data.
pub(crate) fn print_line(line: &str) -> anyhow::Result<()> {
    if let Some(streams) = STREAMS.get() {
        streams.output.push(&rendered(line, AutoStream::choice(&io::stdout())));
        return Ok(());
    }
    let mut stdout = anstream::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => other.context("standard output"),
    }
}

/// Prints raw bytes of data.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => other.context("standard output"),
    }
}

/// Prints a note on standard error. A closed stream is ignored.
pub(crate) fn note(words: &str) {
    let words = rendered(&with_place_flags(words), AutoStream::choice(&io::stderr()));
    let _: io::Result<()> = Stderr.write_all(&words);
}

/// Flags for the configuration's place.
static PLACE_FLAGS: OnceLock<String> = OnceLock::new();

/// Stores the flags for the configuration's place: proposed commands get the same.
pub(crate) fn suggest_with(flags: String) {
    // There is only one command line, so a second call does not happen.
    let _ = PLACE_FLAGS.set(flags);
}

/// Adds the flags for the configuration's place to proposed commands.
pub(crate) fn with_place_flags(words: &str) -> String {
    match PLACE_FLAGS.get().filter(|flags| !flags.is_empty()) {
        Some(flags) => words.replace("`apiary ", &format!("`apiary {flags} ")),
        None => words.to_owned(),
    }
}

/// Quotes a path for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Formats a number of things: `1 grant`, `2 grants`.
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Formats a text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Removes control characters from foreign text: they could rewrite the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_the_shell() {
        assert_eq!(quoted(Path::new("/data/apiary.toml")), "/data/apiary.toml");
        assert_eq!(quoted(Path::new("/my data/it's")), r"'/my data/it'\''s'");
    }
}
