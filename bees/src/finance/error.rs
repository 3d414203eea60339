//! Why the state of record did not take something, and what to do about it.

use std::time::Duration;

use crate::outbound::{CallError, Severity};

/// Why a call to the state of record failed. Never holds a key, a password or a row's contents.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be reached, does not answer in time, or says that it cannot now.
    #[error("the state of record is not available: {what}; it is tried again")]
    Unavailable {
        /// What happened.
        what: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Another transaction was in the way.
    #[error("another transaction was in the way ({code}): it is tried again")]
    Contended {
        /// The SQLSTATE, or SQLite's name for it.
        code: String,
    },
    /// The key or password is not accepted.
    #[error(
        "the state of record does not accept the key ({what}): check SUPABASE_SERVICE_ROLE_KEY, or user, \
         password and database in DATABASE_URL; the event waits"
    )]
    KeyRefused {
        /// What it said.
        what: String,
    },
    /// The role behind the key may not do this.
    #[error(
        "the state of record forbids it ({what}): use the service-role key, not the anon key, and apply \
         deploy/supabase/migrations, which grant it what it needs; the event waits"
    )]
    Forbidden {
        /// What it said.
        what: String,
    },
    /// Tables or functions are missing.
    #[error("tables or functions are missing ({what}): apply deploy/supabase/migrations; the event waits")]
    NotInstalled {
        /// What it said.
        what: String,
    },
    /// The file is not what was written.
    #[error("the state of record is damaged ({what}): restore the file from a backup; the event waits")]
    Damaged {
        /// What SQLite said.
        what: String,
    },
    /// A key or reference that exists, or is missing, forbids the write; or a write changed nothing.
    #[error("the write conflicts with what is stored ({code}: {what}): look at the row, and for triggers on its table")]
    Conflict {
        /// The SQLSTATE.
        code: String,
        /// What it said.
        what: String,
    },
    /// It refuses these values.
    #[error("the state of record refuses the event ({code}: {what}): look at the event at Stripe")]
    Refused {
        /// The SQLSTATE or HTTP status.
        code: String,
        /// What it said.
        what: String,
    },
    /// Its answer is not understood.
    #[error(
        "the state of record gave an answer that is not understood: {0}; check SUPABASE_URL, and that \
         deploy/supabase/migrations are of this version"
    )]
    Answer(String),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
}

impl RecordError {
    /// Whether another attempt, with nothing changed by hand, can succeed.
    pub fn is_retryable(&self) -> bool {
        self.severity() != Severity::Final
    }

    /// Whether it is the event's own fault, which no change of keys, roles or tables mends.
    pub fn is_about_the_event(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), retry_after: None }
    }
}

impl CallError for RecordError {
    fn severity(&self) -> Severity {
        match self {
            Self::Unavailable { .. } => Severity::Down,
            Self::Contended { .. } => Severity::Busy,
            Self::KeyRefused { .. }
            | Self::Forbidden { .. }
            | Self::NotInstalled { .. }
            | Self::Damaged { .. }
            | Self::Conflict { .. }
            | Self::Refused { .. }
            | Self::Answer(_)
            | Self::Setting(_) => Severity::Final,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn circuit_open(retry_after: Duration) -> Self {
        let what = "too many calls in a row failed, so none is made for a while".to_owned();
        Self::Unavailable { what, retry_after: Some(retry_after) }
    }
}
