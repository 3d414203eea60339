//! Log levels and kinds of attributes, which executors report during their work.

/// Severity of a log line, or the stream from which it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Each step.
    Trace,
    /// Details for debugging.
    Debug,
    /// Normal operation.
    Info,
    /// A problem that does not stop the work.
    Warn,
    /// A failure.
    Error,
    /// A line from a child process's standard output.
    Stdout,
    /// A line from a child process's standard error.
    Stderr,
}

impl LogLevel {
    /// All values.
    pub const ALL: [Self; 7] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Stdout, Self::Stderr];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Returns the level of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}

/// The meaning of an attribute of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttributeKind {
    /// An input.
    In,
    /// An output.
    Out,
    /// An error.
    Err,
    /// A part of the environment of the work.
    Env,
}

impl AttributeKind {
    /// All values.
    pub const ALL: [Self; 4] = [Self::In, Self::Out, Self::Err, Self::Env];

    /// Returns the word in tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Err => "err",
            Self::Env => "env",
        }
    }

    /// Returns the kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
