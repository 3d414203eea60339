//! Findings, and the part that they are read from.

/// A condition that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The colony's name; empty for a condition of the part itself.
    pub colony: String,
    /// The kind, in capitals; `docs/explain.md` lists them.
    pub kind: String,
    /// The thing concerned. May be empty.
    pub subject: String,
    /// The finding in a sentence, ending in advice.
    pub text: String,
    /// The number of processes, executors or occurrences.
    pub count: i64,
    /// The time since which it lasts, if known, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
}

impl Finding {
    /// Converts a notice of a part.
    pub fn of_notice(notice: &apiary_daemon::Notice) -> Self {
        Self {
            colony: String::new(),
            kind: notice.kind.to_owned(),
            subject: notice.subject.clone(),
            text: notice.text.clone(),
            count: i64::try_from(notice.count).unwrap_or(i64::MAX),
            since_ms: Some(notice.since_ms),
        }
    }
}

/// The state of a part at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// True if the part does its work. While it is false, the dead man's ping stops.
    pub is_well: bool,
    /// True if all findings could be read. If not, one that is missing counts as open still.
    pub is_complete: bool,
    /// The open findings.
    pub findings: Vec<Finding>,
}

/// A part, as far as its notifier needs it.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// Returns the part's state.
    async fn report(&self) -> Report;
}
