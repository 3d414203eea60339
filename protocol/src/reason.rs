//! The exact reason of a broker's refusal, for programs. `docs/errors.md` explains each.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::Fault;

/// The exact reason of a refusal. Open-ended: a newer broker may send reasons that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The call needs a signature and has none.
    Unsigned,
    /// The signature, or the form of the signed document, is wrong.
    SignatureInvalid,
    /// The request was signed too long ago, or in the future.
    RequestStale,
    /// The same signed request was received before.
    RequestReplayed,
    /// The request is for another broker instance.
    BrokerUnknown,
    /// No such colony.
    ColonyUnknown,
    /// The caller has no right to this.
    NotPermitted,
    /// A field or document is invalid.
    Invalid,
    /// The arguments do not fit the schema that executors announce.
    ArgsRefused,
    /// Larger than the bound.
    TooLarge,
    /// No such thing in this colony.
    NotFound,
    /// The process is in the archive, and not in the broker.
    Archived,
    /// The lease has expired or ended, or belongs to another attempt or executor.
    LeaseLost,
    /// The process is being cancelled, or was.
    Cancelled,
    /// The process's state does not allow this.
    StateConflict,
    /// The id or name is already in use.
    Taken,
    /// The spec's `submit_by` has passed.
    SubmitByOver,
    /// The spec has a rate key for which no limit is set.
    LimitUnknown,
    /// Too many requests at once.
    Overloaded,
    /// No answer within the call's deadline.
    DeadlineExceeded,
    /// No such method or page.
    Unimplemented,
    /// The broker is stopping.
    Draining,
    /// The broker's database did not answer.
    Unavailable,
    /// A fault in the broker or its database.
    Internal,
    /// A reason that this version does not know.
    Unknown(String),
}

impl Reason {
    /// Every known reason.
    pub const ALL: [Self; 24] = [
        Self::Unsigned,
        Self::SignatureInvalid,
        Self::RequestStale,
        Self::RequestReplayed,
        Self::BrokerUnknown,
        Self::ColonyUnknown,
        Self::NotPermitted,
        Self::Invalid,
        Self::ArgsRefused,
        Self::TooLarge,
        Self::NotFound,
        Self::Archived,
        Self::LeaseLost,
        Self::Cancelled,
        Self::StateConflict,
        Self::Taken,
        Self::SubmitByOver,
        Self::LimitUnknown,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::Unimplemented,
        Self::Draining,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Returns the word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unsigned => "UNSIGNED",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::RequestStale => "REQUEST_STALE",
            Self::RequestReplayed => "REQUEST_REPLAYED",
            Self::BrokerUnknown => "BROKER_UNKNOWN",
            Self::ColonyUnknown => "COLONY_UNKNOWN",
            Self::NotPermitted => "NOT_PERMITTED",
            Self::Invalid => "INVALID",
            Self::ArgsRefused => "ARGS_REFUSED",
            Self::TooLarge => "TOO_LARGE",
            Self::NotFound => "NOT_FOUND",
            Self::Archived => "ARCHIVED",
            Self::LeaseLost => "LEASE_LOST",
            Self::Cancelled => "CANCELLED",
            Self::StateConflict => "STATE_CONFLICT",
            Self::Taken => "TAKEN",
            Self::SubmitByOver => "SUBMIT_BY_OVER",
            Self::LimitUnknown => "LIMIT_UNKNOWN",
            Self::Overloaded => "OVERLOADED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Draining => "DRAINING",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::Unknown(word) => word,
        }
    }

    /// Returns `true` if the same call can succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded | Self::DeadlineExceeded | Self::Draining | Self::Unavailable)
    }

    /// Returns the side at fault. For an unknown reason, `retryable` as sent by the broker decides: if it is `false`,
    /// the document is at fault.
    pub fn fault(&self, retryable: bool) -> Fault {
        match self {
            Self::Overloaded
            | Self::DeadlineExceeded
            | Self::Draining
            | Self::Unavailable
            | Self::RequestReplayed
            | Self::BrokerUnknown => Fault::Again,
            // The caller's key, grant, address or clock, or the broker's version: the same document succeeds once that
            // is fixed.
            Self::Unsigned
            | Self::SignatureInvalid
            | Self::RequestStale
            | Self::SubmitByOver
            | Self::ColonyUnknown
            | Self::NotPermitted
            | Self::Unimplemented => Fault::Surroundings,
            Self::Unknown(_) if retryable => Fault::Again,
            // INTERNAL too: the broker is running, and fails on this document.
            Self::Invalid
            | Self::ArgsRefused
            | Self::TooLarge
            | Self::NotFound
            | Self::Archived
            | Self::LeaseLost
            | Self::Cancelled
            | Self::StateConflict
            | Self::Taken
            | Self::LimitUnknown
            | Self::Internal
            | Self::Unknown(_) => Fault::Document,
        }
    }
}

impl From<&str> for Reason {
    fn from(word: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).unwrap_or_else(|| Self::Unknown(word.to_owned()))
    }
}

impl FromStr for Reason {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(word.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_survives_the_wire_and_so_does_one_of_a_newer_broker() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from(reason.as_str()), reason);
        }
        let newer = Reason::from("SOMETHING_LATER");
        assert_eq!((newer.as_str(), newer.is_retryable()), ("SOMETHING_LATER", false));
    }

    #[test]
    fn what_is_retryable_is_never_held_against_the_document() {
        for reason in Reason::ALL.into_iter().filter(Reason::is_retryable) {
            assert_eq!(reason.fault(true), Fault::Again, "{reason}");
        }
        assert_eq!(Reason::from("SOMETHING_LATER").fault(true), Fault::Again);
        assert_eq!(Reason::from("SOMETHING_LATER").fault(false), Fault::Document);
    }
}
