//! State of the connection to the broker, and its notices.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use apiary_daemon::Notices;
use apiary_executor_sdk::SubmitResult;

use crate::SinkError;
use crate::outbox::{OUTBOX_ROWS_REFUSED, OUTBOX_UNAVAILABLE, OUTBOX_UNUSABLE};
use crate::server::{SIGNATURES_REFUSED, remedy_of_signatures};

/// Kind of notice while the broker temporarily accepts nothing. Its subject is the exact reason; empty if the broker
/// does not answer.
pub const BROKER_AWAY: &str = "BROKER_AWAY";
/// Kind of notice while the broker rejects this adapter. Its subject is the exact reason.
pub const BROKER_REFUSES: &str = "BROKER_REFUSES";
/// Kind of notice while rejected events are set aside.
pub const EVENTS_SET_ASIDE: &str = "EVENTS_SET_ASIDE";
/// Kind of notice while no grant covers a route, or what rows of the outbox may ask for. Its subject is the target.
pub const ROUTE_NOT_GRANTED: &str = "ROUTE_NOT_GRANTED";
/// Characters of a stored reason. Bounded, because the broker chooses it and the public health page shows it.
const REASON_CHARS_MAX: usize = 64;

/// Result of the last submit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrokerState {
    /// Nothing has been submitted yet.
    #[default]
    Unknown,
    /// The broker accepted or examined an event, or answered that it is ready.
    Reachable,
    /// The broker did not answer.
    Away,
    /// The broker answered that it temporarily accepts nothing.
    Unready {
        /// The exact reason, for example `UNAVAILABLE`.
        reason: String,
    },
    /// The broker rejects this adapter until a person changes something.
    Refusing {
        /// The exact reason, for example `NOT_PERMITTED`.
        reason: String,
    },
}

impl BrokerState {
    /// Returns true if the broker is unreachable or temporarily unavailable, so that a later submit may succeed without
    /// any change here.
    fn is_away(&self) -> bool {
        matches!(self, Self::Away | Self::Unready { .. })
    }

    /// Returns kind and subject of the notice for this state.
    fn notice(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Unknown | Self::Reachable => None,
            Self::Away => Some((BROKER_AWAY, "")),
            Self::Unready { reason } => Some((BROKER_AWAY, reason)),
            Self::Refusing { reason } => Some((BROKER_REFUSES, reason)),
        }
    }
}

/// The [`BrokerState`], with a notice for as long as events wait for the broker.
pub(crate) struct Contact {
    state: Mutex<BrokerState>,
    notices: Notices,
}

impl Contact {
    /// Creates a contact to which nothing has been submitted yet.
    pub(crate) fn new(notices: Notices) -> Self {
        Self { state: Mutex::default(), notices }
    }

    pub(crate) fn state(&self) -> BrokerState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns true if the broker is unreachable or temporarily unavailable.
    pub(crate) fn is_away(&self) -> bool {
        self.state().is_away()
    }

    /// Records that an unavailable broker is ready again.
    pub(crate) fn note_ready(&self) {
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_away()
            && let Some((kind, subject)) = std::mem::replace(&mut *known, BrokerState::Reachable).notice()
        {
            self.notices.resolve(kind, subject);
        }
    }

    pub(crate) fn note(&self, answer: &Result<SubmitResult, SinkError>) {
        let bounded = |reason: &str| reason.chars().take(REASON_CHARS_MAX).collect();
        let state = match answer {
            Ok(_) | Err(SinkError::Unacceptable { .. }) => BrokerState::Reachable,
            Err(SinkError::Away(_)) => BrokerState::Away,
            Err(SinkError::Unready { reason, .. }) => BrokerState::Unready { reason: bounded(reason) },
            Err(SinkError::Refused { reason, .. }) => BrokerState::Refusing { reason: bounded(reason) },
        };
        // The lock is held to the end, so that the notices match the state even if answers arrive concurrently.
        let mut known = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, state.clone());
        let (was_listed, is_listed) = (before.notice(), state.notice());
        if let (Some((kind, subject)), true) = (was_listed, was_listed != is_listed) {
            self.notices.resolve(kind, subject);
        }
        if let (Some((kind, subject)), Err(error)) = (is_listed, answer) {
            let words = match error {
                SinkError::Away(_) => "events and rows of the outbox wait until it answers",
                SinkError::Unready { .. } => "events and rows of the outbox wait until it accepts them",
                _ => "events stay in the spool, and rows in the outbox, until it accepts them",
            };
            let remedy = remedy(kind, subject);
            self.notices.raise(kind, subject, format!("{error}; {words}: {remedy}"));
        }
    }
}

/// Returns the advice for a notice of this kind. Suitable for a public page: it names no event, file or host.
pub(crate) fn remedy(kind: &str, subject: &str) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        SIGNATURES_REFUSED => return remedy_of_signatures(subject).into(),
        BROKER_AWAY => remedy_of_wait(subject),
        BROKER_REFUSES => remedy_of_refusal(subject),
        EVENTS_SET_ASIDE => {
            "`apiary spool list` shows the events and reasons; after the repair, run `apiary spool retry --all`"
        }
        ROUTE_NOT_GRANTED => "`apiary grant add` for the adapter's key; its log names what is missing",
        OUTBOX_UNAVAILABLE => {
            "see the adapter's log; check `webhook.outbox_database_url`, the database and the network"
        }
        OUTBOX_UNUSABLE => "the adapter's log has the statement to run in the outbox's database",
        OUTBOX_ROWS_REFUSED => {
            "`select id, problem, retry_at from apiary.outbox where problem is not null` shows the reasons; to have rows \
             tried again at once, set `problem` to null"
        }
        "CONNECTIONS_FULL" => "raise `webhook.connections_max`, or find the client that holds so many connections open",
        "CONNECTION_NOT_ACCEPTED" => "raise the limit of open files (LimitNOFILE, ulimit -n)",
        "PROXY_NOT_TRUSTED" => "list the proxy in `webhook.trusted_proxies`",
        "TASK_RESTARTED" | "TASK_FAILED" => "see the log, and report it as a fault of the program",
        _ => "see the log",
    })
}

/// Returns the advice for a broker that temporarily accepts nothing, by reason; an empty reason means no answer.
fn remedy_of_wait(reason: &str) -> &'static str {
    match reason {
        "" => {
            "start the broker, or see its log; if it is running, check the adapter's `broker.address` and the network"
        }
        "DRAINING" => "the broker is stopping: restart it, unless a service manager does",
        "OVERLOADED" => "the broker is overloaded: see its log, and `apiary colony health`",
        _ => "see the broker's /readyz and its log, or `apiary colony health`",
    }
}

fn remedy_of_refusal(reason: &str) -> &'static str {
    match reason {
        "NOT_PERMITTED" => {
            "grant the adapter's key the function and executor type of its events: `apiary grant list`, then \
             `apiary grant add` with the colony's key"
        }
        "UNSIGNED" | "SIGNATURE_INVALID" => "configure the adapter's granted key (`key_file`), and restart it",
        "REQUEST_STALE" | "SUBMIT_BY_OVER" => "set the clocks of this machine and the broker's (NTP)",
        "COLONY_UNKNOWN" => {
            "set `colony` of the adapter to the colony's id, or create the colony: `apiary colony create`"
        }
        "UNIMPLEMENTED" => "install the same version of broker and adapter",
        _ => "see the adapter's log and the broker's; check `broker.address` of the adapter",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use apiary_identity::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn refused(reason: &str) -> Result<SubmitResult, SinkError> {
        Err(SinkError::Refused { reason: reason.to_owned(), message: "no".to_owned() })
    }

    fn away() -> Result<SubmitResult, SinkError> {
        Err(SinkError::Away("nobody listens there".to_owned()))
    }

    #[test]
    fn each_wait_for_the_broker_is_a_notice_with_its_beginning_and_what_to_do_until_it_is_over() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let notices = Notices::new(clock.clone());
        let contact = Contact::new(notices.clone());
        let listed = || notices.list().into_iter().map(|one| (one.kind, one.subject, one.count)).collect::<Vec<_>>();
        for answer in [away(), away(), refused("NOT_PERMITTED")] {
            contact.note(&answer);
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(listed(), [(BROKER_REFUSES, "NOT_PERMITTED".to_owned(), 1)], "it is not away any more");
        assert_eq!(notices.list()[0].since_ms, 120_000);
        assert!(notices.list()[0].text.contains("apiary grant add"), "{:?}", notices.list());
        contact.note(&refused("SIGNATURE_INVALID"));
        assert_eq!(listed(), [(BROKER_REFUSES, "SIGNATURE_INVALID".to_owned(), 1)]);
        contact.note(&away());
        contact.note(&away());
        assert_eq!(listed(), [(BROKER_AWAY, String::new(), 2)]);
        // A broker that looks at an event is there, whatever it says of it.
        contact.note(&Err(SinkError::Unacceptable { reason: "INVALID".to_owned(), message: "no".to_owned() }));
        assert_eq!(listed(), []);
        assert_eq!(contact.state(), BrokerState::Reachable);
    }

    #[test]
    fn a_broker_that_answers_is_quoted_with_its_reason_and_words_and_a_remedy_of_its_own() {
        let notices = Notices::new(Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)));
        let contact = Contact::new(notices.clone());
        contact.note(&away());
        for (reason, words) in [("UNAVAILABLE", "/readyz"), ("OVERLOADED", "is overloaded"), ("DRAINING", "stopping")] {
            let message = "the disk is full; make room".to_owned();
            contact.note(&Err(SinkError::Unready { reason: reason.to_owned(), message }));
            let listed = notices.list();
            assert_eq!((listed.len(), listed[0].kind, listed[0].subject.as_str()), (1, BROKER_AWAY, reason));
            for part in ["the disk is full; make room", reason, words] {
                assert!(listed[0].text.contains(part), "{part}: {}", listed[0].text);
            }
            assert!(!listed[0].text.contains("broker.address"), "it was reached: {}", listed[0].text);
            assert_eq!(contact.state(), BrokerState::Unready { reason: reason.to_owned() });
        }
        contact.note(&away());
        assert_eq!((notices.list().len(), notices.list()[0].subject.as_str()), (1, ""));
    }

    #[test]
    fn each_refusal_of_the_adapter_has_a_remedy_of_its_own() {
        for (reason, words) in [
            ("NOT_PERMITTED", "apiary grant add"),
            ("SIGNATURE_INVALID", "`key_file`"),
            ("REQUEST_STALE", "NTP"),
            ("COLONY_UNKNOWN", "`colony`"),
            ("UNIMPLEMENTED", "version"),
            ("Unknown", "`broker.address`"),
        ] {
            assert!(remedy(BROKER_REFUSES, reason).contains(words), "{reason}");
        }
    }
}
