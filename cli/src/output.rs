//! What is printed: data on standard output, everything else on standard error.

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

pub(crate) use self::table::{hanging, listing, table};
use crate::exit::ReaderGone;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What stands out.
pub(crate) const STRONG: Style = Style::new().bold();

impl Color {
    /// Makes it so for the whole program.
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
    /// Prints a document: its JSON in a line, or the text that `text` makes of it.
    pub(crate) fn print<T: Serialize>(self, document: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self {
            Self::Json => print_line(&serde_json::to_string(document)?),
            Self::Text => print_line(text(document).trim_end_matches('\n')),
        }
    }
}

/// Both streams of a program that runs until it is told to stop.
struct Streams {
    output: LogWriter,
    error: LogWriter,
}

static STREAMS: OnceLock<Streams> = OnceLock::new();

/// What is left in the queues at the end is written for this long.
const LAST_LINES: Duration = Duration::from_secs(1);

/// From now on, whatever is printed goes through queues: work goes on, whether somebody reads it or not.
pub(crate) fn never_wait() -> io::Result<()> {
    let streams = Streams { output: LogWriter::start(&io::stdout())?, error: LogWriter::start(&io::stderr())? };
    // The first call counts.
    let _ = STREAMS.set(streams);
    Ok(())
}

/// Waits, not for long, until everything is written.
pub(crate) fn finish() {
    if let Some(streams) = STREAMS.get() {
        streams.output.flush_within(LAST_LINES);
        streams.error.flush_within(LAST_LINES);
    }
}

/// Standard error for those who must not fail by it. A program that ends by itself waits for its reader, any other does not.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match STREAMS.get() {
            Some(streams) => streams.error.push(bytes),
            // Nobody may be listening, and that is fine.
            None => _ = io::stderr().write_all(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line as it goes out: with colours where the stream has them.
fn rendered(line: &str, choice: anstream::ColorChoice) -> Vec<u8> {
    let mut stream = AutoStream::new(Vec::new(), choice);
    // A vector takes everything.
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

/// Prints bytes of data as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => other.context("standard output"),
    }
}

/// Tells people something beside the data. Nobody may be listening, and that is fine.
pub(crate) fn note(words: &str) {
    let words = rendered(&with_place_flags(words), AutoStream::choice(&io::stderr()));
    let _: io::Result<()> = Stderr.write_all(&words);
}

/// The flags that said where to look.
static PLACE_FLAGS: OnceLock<String> = OnceLock::new();

/// Remembers with which flags the program was told where to look: commands that it suggests get the same.
pub(crate) fn suggest_with(flags: String) {
    // A second call would be of another command line, of which there is none.
    let _ = PLACE_FLAGS.set(flags);
}

/// Words that suggest commands, with the flags that make those look at the same place.
pub(crate) fn with_place_flags(words: &str) -> String {
    match PLACE_FLAGS.get().filter(|flags| !flags.is_empty()) {
        Some(flags) => words.replace("`apiary ", &format!("`apiary {flags} ")),
        None => words.to_owned(),
    }
}

/// A path as a shell reads it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A number of things in words: `1 grant`, `2 grants`.
pub(crate) fn counted(count: i64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Somebody else's words, without control characters that could rewrite the terminal.
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
