//! Plans: what a response would do, and how things were when it was planned.

use apiary_identity::{Digest, Id};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::security::supabase::Account;

/// Type of a plan's bytes under its digest.
const PLAN_TYPE: &str = "application/vnd.apiary.security-plan.v1+json";

/// A wanted response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// Hand out no more work of a function, an executor type or the colony.
    Pause {
        /// The kind of thing.
        kind: PauseKind,
        /// The name; empty for the colony.
        name: String,
    },
    /// Ask the owner to revoke every grant of a key.
    Revoke {
        /// The key.
        key_id: Id,
    },
    /// Keep a user of Supabase from signing in.
    LockAccount {
        /// The user.
        user_id: Uuid,
        /// For how long.
        hours: u32,
    },
    /// Undo an earlier response.
    Undo {
        /// The process of that response.
        response: Uuid,
    },
}

/// A kind of thing to pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    /// A function.
    Function,
    /// An executor type.
    ExecutorType,
    /// The whole colony.
    Colony,
}

/// The state of the thing that a response is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The pause; absent if it is not paused.
    Pause(Option<PauseState>),
    /// The grants of a key that are not revoked.
    Grants(Vec<GrantState>),
    /// The account.
    Account(Account),
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseState {
    /// The name of whoever paused it.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantState {
    /// The id.
    pub grant_id: Uuid,
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
    /// The end.
    pub valid_until: Timestamp,
}

/// The effect of a response, and the state before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The wanted response.
    pub wish: Wish,
    /// The reason.
    pub reason: String,
    /// The state before.
    pub before: State,
    /// The end of a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The response that an undo undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Box<Undone>>,
}

/// A response that is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The process.
    pub response: Uuid,
    /// The response that was wanted.
    pub wish: Wish,
    /// The state before it.
    pub before: State,
}

impl Plan {
    /// Makes a plan.
    pub(super) fn new(
        wish: Wish,
        reason: String,
        before: State,
        undone: Option<Undone>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let until = match &wish {
            Wish::LockAccount { hours, .. } => {
                let end = now.checked_add(SignedDuration::from_hours(i64::from(*hours)));
                Some(end.map_err(|_| "`hours` leads beyond the end of time".to_owned())?)
            }
            _ => None,
        };
        if let (Wish::Revoke { key_id }, State::Grants(grants)) = (&wish, &before)
            && grants.is_empty()
        {
            return Err(format!("the key {key_id} has no grant that could be revoked"));
        }
        Ok(Self { wish, reason, before, until, undone: undone.map(Box::new) })
    }

    /// Returns the digest, of which a response is proof that its author read this very plan.
    pub(super) fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(PLAN_TYPE, &bytes).to_string()
    }

    /// Returns the wish whose thing is observed: of an undo, that of the response that is undone.
    pub(super) fn subject(&self) -> &Wish {
        self.undone.as_ref().map_or(&self.wish, |undone| &undone.wish)
    }

    /// Returns false if everything is already as it is wanted, or if somebody else has to act.
    pub(super) fn would_change(&self) -> bool {
        match (&self.wish, &self.undone, &self.before) {
            (Wish::Pause { .. }, _, State::Pause(pause)) => pause.is_none(),
            (Wish::LockAccount { .. }, ..) => true,
            (Wish::Undo { .. }, Some(undone), before) => before.bears(undone.response),
            _ => false,
        }
    }

    /// Returns the effect in words.
    pub(super) fn words(&self) -> String {
        match (&self.wish, &self.before) {
            (Wish::Pause { .. }, State::Pause(Some(pause))) => {
                format!("{} (it is paused already, by `{}`)", self.wish.words(), pause.by)
            }
            (Wish::Revoke { key_id }, State::Grants(grants)) => {
                format!("ask the owner to revoke {} grants of {key_id}; this bee has no key that could", grants.len())
            }
            (Wish::LockAccount { .. }, _) => {
                format!("{} until {}", self.wish.words(), self.until.unwrap_or(Timestamp::MAX))
            }
            (Wish::Undo { response }, before) if !before.bears(*response) => {
                format!("{}, of which nothing is left: it is {}", self.wish.words(), before.words())
            }
            _ => self.wish.words(),
        }
    }

    /// Returns the command that the owner must run, if somebody else has to act.
    pub(super) fn command(&self, process_id: Uuid) -> Option<String> {
        match &self.wish {
            Wish::Revoke { key_id } => Some(format!(
                "apiary grant revoke --key {key_id} --colony-key FILE --reason \"response {process_id} of the security bee\""
            )),
            _ => None,
        }
    }

    /// Returns how the response of this process is undone.
    pub(super) fn undo(&self, process_id: Option<Uuid>) -> String {
        let id = process_id.map_or_else(|| "ID of the response".to_owned(), |id| id.to_string());
        match &self.wish {
            Wish::Pause { kind: PauseKind::Colony, .. } => {
                "`apiary pause remove colony`: while the colony is paused, this bee gets no work".to_owned()
            }
            Wish::Revoke { .. } => "nothing was done; after a revocation, `apiary grant add` with a new key".to_owned(),
            Wish::Undo { .. } => "submit the first response again, with a dry run".to_owned(),
            _ => format!(r#"`respond_threat` with {{"action": "undo", "response": "{id}", "reason": "…"}}"#),
        }
    }
}

impl Wish {
    /// Returns the name of the action.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Revoke { .. } => "revoke",
            Self::LockAccount { .. } => "lock_account",
            Self::Undo { .. } => "undo",
        }
    }

    /// Returns the wish in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Pause { kind: PauseKind::Colony, .. } => "pause the colony".to_owned(),
            Self::Pause { kind, name } => format!("pause the {} `{name}`", kind.as_str().replace('_', " ")),
            Self::Revoke { key_id } => format!("ask for the revocation of {key_id}"),
            Self::LockAccount { user_id, hours } => format!("lock the account {user_id} for {hours} h"),
            Self::Undo { response } => format!("undo the response {response}"),
        }
    }
}

impl PauseKind {
    /// Returns the word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::ExecutorType => "executor_type",
            Self::Colony => "colony",
        }
    }
}

impl State {
    /// Returns true if the response of this process made it so.
    pub(super) fn bears(&self, response: Uuid) -> bool {
        match self {
            Self::Pause(Some(pause)) => pause.reason.ends_with(&mark(response)),
            Self::Account(account) => account.response == Some(response),
            Self::Pause(None) | Self::Grants(_) => false,
        }
    }

    /// Returns the state in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Pause(None) => "not paused".to_owned(),
            Self::Pause(Some(pause)) => format!("paused by `{}` since {}", pause.by, pause.since),
            Self::Grants(grants) => format!("a key with {} grants", grants.len()),
            Self::Account(Account { banned_until: Some(until), .. }) => format!("locked until {until}"),
            Self::Account(_) => "not locked".to_owned(),
        }
    }
}

/// Returns the end of the reason of a pause that a response made.
pub(super) fn mark(response: Uuid) -> String {
    format!(" (response {response} of the security bee)")
}
