//! Priorities of log lines, for systemd's journal.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Variable in which systemd names the journal's stream, as device and inode.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";
/// The standard error as a file.
const STDERR: &str = "/proc/self/fd/2";

/// A format whose lines begin with their priority, as `sd-daemon(3)` has it: `<4>` for a warning.
pub(crate) struct Prioritised<F> {
    pub(crate) format: F,
    pub(crate) has_priorities: bool,
}

/// Returns true if the standard error is the journal: a program in its pipe may have inherited the variable.
pub(crate) fn is_journal() -> bool {
    let named = env::var(JOURNAL_STREAM).ok();
    let open = fs::metadata(STDERR).map(|stderr| format!("{}:{}", stderr.dev(), stderr.ino()));
    named.is_some_and(|named| open.is_ok_and(|open| open == named))
}

/// Returns words of a failure as the journal takes them: with their priority, each line. Elsewhere they stay as they are.
pub(crate) fn failure(words: &str) -> String {
    if !is_journal() {
        return words.to_owned();
    }
    let lines: Vec<_> = words.lines().map(|line| format!("<{}>{line}", priority(Level::ERROR))).collect();
    lines.join("\n")
}

impl<S, N, F> FormatEvent<S, N> for Prioritised<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.has_priorities {
            write!(writer, "<{}>", priority(*event.metadata().level()))?;
        }
        self.format.format_event(context, writer, event)
    }
}

/// Returns the priority of a level, as in `syslog(3)`.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
