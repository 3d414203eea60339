//! Why the state of record did not take something, and what to do about it.

use std::time::Duration;

use apiary_executor_sdk::Fault;

use crate::outbound::{CallError, Severity};

/// Why a call to the state of record failed. Never holds a key, a password or a row's contents.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// A write changed nothing, and no error was reported.
    #[error(
        "a write was dropped without an error ({what}): look for a trigger or a rule on the tables that does so; the event waits"
    )]
    Dropped {
        /// The problem that was noticed.
        what: String,
    },
    /// A key or reference that exists, or is missing, forbids the write.
    #[error(
        "the write conflicts with what is stored ({code}: {what}): look at the row, and for constraints on its table"
    )]
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
        matches!(self.severity(), Severity::Busy | Severity::Down)
    }

    /// The side at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } | Self::Refused { .. } => Fault::Document,
            Self::Contended { .. } => Fault::Again,
            Self::Unavailable { .. }
            | Self::KeyRefused { .. }
            | Self::Forbidden { .. }
            | Self::NotInstalled { .. }
            | Self::Damaged { .. }
            | Self::Dropped { .. }
            | Self::Answer(_)
            | Self::Setting(_) => Fault::Surroundings,
        }
    }

    /// A stable name of what is in the way: errors of one name are one condition.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "record-unavailable",
            Self::Contended { .. } => "record-busy",
            Self::KeyRefused { .. } => "record-key",
            Self::Forbidden { .. } => "record-rights",
            Self::NotInstalled { .. } => "record-tables",
            Self::Damaged { .. } => "record-damaged",
            Self::Dropped { .. } => "record-dropped",
            Self::Conflict { .. } => "record-conflict",
            Self::Refused { .. } => "record-refused",
            Self::Answer(_) => "record-answer",
            Self::Setting(_) => "record-setting",
        }
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
            | Self::Dropped { .. }
            | Self::Answer(_)
            | Self::Setting(_) => Severity::Shut,
            Self::Conflict { .. } | Self::Refused { .. } => Severity::Final,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
