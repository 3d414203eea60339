//! Words of what executors say of their work while they do it.

/// The severity of a log line, or where it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// As it should be.
    Info,
    /// Not as it should be, and it goes on.
    Warn,
    /// It failed.
    Error,
    /// A line that a child process wrote.
    Stdout,
    /// A line that a child process wrote as an error.
    Stderr,
}

impl LogLevel {
    /// All of them.
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
    /// Something that went in.
    In,
    /// Something that came out.
    Out,
    /// Something that went wrong.
    Err,
    /// Something that it ran under.
    Env,
}

impl AttributeKind {
    /// All of them.
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
