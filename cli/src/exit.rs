//! Exit codes, and errors that carry one.

use std::fmt;

use apiary_broker::StartError;
use apiary_executor_sdk::{ClientError, Reason};
use apiary_settings::SettingError;
use apiary_store::StoreError;

/// Table of exit codes for `--help`. `docs/configuration.md` has the same.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  failed: the work, a check, or this machine
  2  the command or a setting is wrong; nothing was sent
  3  the broker rejected the request: not permitted, not valid, or already in use
  4  the broker or its database is unreachable or temporarily unavailable
  5  no such colony, process or file
  6  a signature or a chain of signatures is invalid
  7  a rule of the guard rejects the work
  8  `lease claim`: no work arrived in time
  9  `lease renew`: the process is being cancelled, stop
 10  `colony health`, `status`: something needs attention";

/// Exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Failed: the work, a check, or this machine.
    Failure = 1,
    /// A wrong command or setting.
    Usage = 2,
    /// A request rejected by the broker.
    Refused = 3,
    /// An unreachable broker.
    Unreachable = 4,
    /// A missing colony, process or file.
    NotFound = 5,
    /// An invalid signature or chain of signatures.
    Broken = 6,
    /// Work rejected by a rule of the guard.
    Guarded = 7,
    /// No work came in time.
    Idle = 8,
    /// The process is being cancelled.
    Cancelled = 9,
    /// A condition in the colony that needs attention.
    Attention = 10,
}

/// An error with its exit code and, if there is a remedy, a hint.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    words: String,
    hint: Option<String>,
}

impl Fault {
    /// Creates an error with this exit code.
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into(), hint: None }
    }

    /// Creates an error for a failure of the work, a check, or this machine.
    pub(crate) fn failure(words: impl Into<String>) -> Self {
        Self::new(Exit::Failure, words)
    }

    /// Creates an error for a wrong command or setting.
    pub(crate) fn usage(words: impl Into<String>) -> Self {
        Self::new(Exit::Usage, words)
    }

    /// Adds a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Fault {}

/// Formats the error in one line, with every cause that adds information.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !words.is_empty() && words.contains(&text) {
            continue;
        }
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&text);
    }
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns the error's exit code.
pub(crate) fn code(error: &anyhow::Error) -> Exit {
    error.chain().find_map(code_of).unwrap_or(Exit::Failure)
}

/// Returns the error's hint.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(hint) = error.chain().find_map(|cause| cause.downcast_ref::<Fault>()?.hint.clone()) {
        return Some(hint);
    }
    if let Some(hint) = error.chain().find_map(|cause| cause.downcast_ref::<SettingError>()?.hint()) {
        return Some(hint.to_owned());
    }
    let client = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>())?;
    let hint = match client {
        ClientError::Unreachable { .. } => "is `apiary up` or `apiary broker` running? `apiary doctor` gives details",
        ClientError::Refused { reason, request_id, .. } => match reason {
            // The log has what the answer must not show.
            Reason::Internal | Reason::Unavailable => {
                return request_id
                    .as_ref()
                    .map(|id| format!("the broker's log may say more: look for request id {id}"));
            }
            Reason::NotPermitted => "`apiary grant list` shows the rights of each key; `apiary grant add` adds rights",
            Reason::RequestStale => "`apiary doctor` shows how far the two clocks are apart",
            _ => return None,
        },
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Error for a closed output, as in `apiary process list | head -1`.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the output was closed")
    }
}

impl std::error::Error for ReaderGone {}

/// An end with an exit code and without a message, because it is not a fault.
#[derive(Debug)]
pub(crate) struct Quiet(pub(crate) Exit);

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Quiet {}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(fault) = cause.downcast_ref::<Fault>() {
        return Some(fault.exit);
    }
    if let Some(Quiet(exit)) = cause.downcast_ref::<Quiet>() {
        return Some(*exit);
    }
    if cause.is::<SettingError>() {
        return Some(Exit::Usage);
    }
    if let Some(error) = cause.downcast_ref::<ClientError>() {
        return Some(code_of_client(error));
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return Some(code_of_store(error));
    }
    match cause.downcast_ref::<StartError>()? {
        StartError::Setting { .. } | StartError::Tls(_) => Some(Exit::Usage),
        StartError::Store(error) => Some(code_of_store(error)),
        StartError::Listen { .. } => Some(Exit::Failure),
    }
}

fn code_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Unavailable(_) => Exit::Unreachable,
        _ => Exit::Failure,
    }
}

fn code_of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::Unreachable { .. } | ClientError::Timeout { .. } | ClientError::Status { .. } => Exit::Unreachable,
        ClientError::Invalid(_) => Exit::Usage,
        ClientError::Answer(_) | ClientError::Broken(_) => Exit::Failure,
        ClientError::Refused { reason, retryable, .. } => match reason {
            Reason::NotFound | Reason::Archived | Reason::ColonyUnknown => Exit::NotFound,
            Reason::Internal => Exit::Failure,
            _ if *retryable => Exit::Unreachable,
            _ => Exit::Refused,
        },
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn refused(reason: &str, retryable: bool) -> anyhow::Error {
        ClientError::Refused {
            reason: reason.into(),
            message: "no".to_owned(),
            retryable,
            retry_after: None,
            request_id: None,
        }
        .into()
    }

    #[test]
    fn a_fault_of_the_broker_has_the_id_of_its_request_as_a_hint() {
        for (reason, has_hint) in [(Reason::Internal, true), (Reason::Unavailable, true), (Reason::Taken, false)] {
            let (message, request_id) = ("no".to_owned(), Some("order-17".to_owned()));
            let error = ClientError::Refused { reason, message, retryable: false, retry_after: None, request_id };
            assert_eq!(hint(&error.into()).is_some_and(|hint| hint.ends_with("request id order-17")), has_hint);
        }
    }

    #[test]
    fn refusals_have_their_codes() {
        for (reason, retryable, exit) in [
            ("NOT_PERMITTED", false, Exit::Refused),
            ("TAKEN", false, Exit::Refused),
            ("NOT_FOUND", false, Exit::NotFound),
            ("COLONY_UNKNOWN", false, Exit::NotFound),
            ("DRAINING", true, Exit::Unreachable),
            ("INTERNAL", false, Exit::Failure),
        ] {
            assert_eq!(code(&refused(reason, retryable)), exit, "{reason}");
        }
    }

    #[test]
    fn an_error_is_one_line_without_repetition() {
        let error = anyhow::Error::from(Fault::usage("inner\nwords")).context("outer");
        assert_eq!(words(&error), "outer: inner words");
        let error = anyhow::Error::from(Fault::failure("the cause")).context("it failed: the cause");
        assert_eq!(words(&error), "it failed: the cause");
    }

    #[test]
    fn a_fault_keeps_its_code_and_hint_under_context() {
        let fault: Result<(), Fault> = Err(Fault::new(Exit::Broken, "x").hint("do y"));
        let error = fault.context("z").unwrap_err();
        assert_eq!(code(&error), Exit::Broken);
        assert_eq!(hint(&error).as_deref(), Some("do y"));
    }
}
