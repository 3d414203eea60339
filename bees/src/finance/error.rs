//! Errors of the state of record, with advice.

use std::time::Duration;

use apiary_executor_sdk::Fault;

use crate::outbound::{CallError, Severity, not_asked_words};

/// An error of a call to the state of record. Never holds a key, a password or a row's contents.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// Unreachable, no answer in time, or temporarily unavailable.
    #[error("the state of record is unavailable: {what}")]
    Unavailable {
        /// Description of the fault.
        what: String,
        /// Wait that the service asks for (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// A conflict with a concurrent transaction.
    #[error("conflict with another transaction ({code})")]
    Contended {
        /// The SQLSTATE, or SQLite's name for it.
        code: String,
    },
    /// Key or password rejected.
    #[error(
        "the state of record does not accept the key ({what}): check SUPABASE_SERVICE_ROLE_KEY, or user, \
         password and database in DATABASE_URL"
    )]
    KeyRefused {
        /// The service's message.
        what: String,
    },
    /// Missing rights of the role behind the key.
    #[error(
        "the state of record forbids it ({what}): use the service-role key, not the anon key, and apply \
         deploy/supabase/migrations, which grant it what it needs"
    )]
    Forbidden {
        /// The service's message.
        what: String,
    },
    /// Missing tables or functions.
    #[error("tables or functions are missing ({what}): apply deploy/supabase/migrations")]
    NotInstalled {
        /// The service's message.
        what: String,
    },
    /// A damaged database file.
    #[error("the state of record is damaged ({what}): restore the file from a backup")]
    Damaged {
        /// SQLite's message.
        what: String,
    },
    /// A write changed nothing, and no error was reported.
    #[error(
        "a write was dropped without an error ({what}): look for a trigger or a rule on the tables that drops writes"
    )]
    Dropped {
        /// Description of the missing effect.
        what: String,
    },
    /// Violation of a unique key or a reference.
    #[error(
        "the write conflicts with what is stored ({code}: {what}): look at the row, and for constraints on its table"
    )]
    Conflict {
        /// The SQLSTATE.
        code: String,
        /// The database's message.
        what: String,
    },
    /// Values rejected by the database.
    #[error("the state of record refuses the event ({code}: {what}): look at the event at Stripe")]
    Refused {
        /// The SQLSTATE or HTTP status.
        code: String,
        /// The database's message.
        what: String,
    },
    /// A database whose encoding cannot hold every character.
    #[error(
        "the database's encoding is {0}, which cannot hold every character that Stripe sends: create a database with \
         `encoding 'UTF8' template template0`, and move the record there"
    )]
    Encoding(String),
    /// A read at Stripe that failed and may succeed later.
    #[error("an event does not tell enough, and Stripe cannot be asked: {what}")]
    Stripe {
        /// Description of the fault.
        what: String,
        /// Wait that Stripe asks for (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// An answer in an unknown form.
    #[error(
        "the state of record gave an unexpected answer: {0}; check SUPABASE_URL, and that deploy/supabase/migrations \
         are of this version"
    )]
    Answer(String),
    /// An invalid setting.
    #[error("{0}")]
    Setting(String),
}

impl RecordError {
    /// Returns true if another attempt can succeed without a change by hand.
    pub fn is_retryable(&self) -> bool {
        matches!(self.severity(), Severity::Busy | Severity::Down)
    }

    /// Returns the side at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } | Self::Refused { .. } => Fault::Document,
            Self::Contended { .. } => Fault::Again,
            Self::Unavailable { .. }
            | Self::Encoding(_)
            | Self::Stripe { .. }
            | Self::KeyRefused { .. }
            | Self::Forbidden { .. }
            | Self::NotInstalled { .. }
            | Self::Damaged { .. }
            | Self::Dropped { .. }
            | Self::Answer(_)
            | Self::Setting(_) => Fault::Surroundings,
        }
    }

    /// Returns a stable name of the condition. Errors with the same name count as one condition.
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
            Self::Encoding(_) => "record-encoding",
            Self::Stripe { .. } => "stripe-unavailable",
            Self::Answer(_) => "record-answer",
            Self::Setting(_) => "record-setting",
        }
    }

    /// Returns what becomes of the work that met this error, for the report of an attempt; other readers of the error have
    /// nothing that waits.
    pub(super) fn consequence(&self) -> &'static str {
        match self.fault() {
            Fault::Document => "",
            Fault::Again => "; retrying",
            Fault::Surroundings if self.is_retryable() => "; retrying",
            Fault::Surroundings => "; the event waits",
        }
    }

    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), retry_after: None }
    }
}

impl CallError for RecordError {
    fn severity(&self) -> Severity {
        match self {
            Self::Unavailable { .. } | Self::Stripe { .. } => Severity::Down,
            Self::Contended { .. } => Severity::Busy,
            Self::KeyRefused { .. }
            | Self::Encoding(_)
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
            Self::Unavailable { retry_after, .. } | Self::Stripe { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn not_asked(self, wait: Duration) -> Self {
        let what = match self {
            Self::Unavailable { what, .. } => what,
            other => other.to_string(),
        };
        Self::Unavailable { what: not_asked_words(wait, &what), retry_after: Some(wait) }
    }
}
