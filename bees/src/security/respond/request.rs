//! The arguments of `respond_threat`.

use apiary_identity::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::plan::{PauseKind, Wish};
use crate::security::limits::{LOCK_HOURS_MAX, REASON_BYTES_MAX};

/// JSON Schema of the arguments.
pub(in crate::security) const ARGS_SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "action": { "enum": ["pause", "revoke", "lock_account", "undo"] },
    "kind": { "enum": ["function", "executor_type", "colony"] },
    "name": { "type": "string", "maxLength": 256 },
    "key_id": { "type": "string", "maxLength": 128 },
    "user_id": { "type": "string", "maxLength": 36 },
    "hours": { "type": "integer", "minimum": 1, "maximum": 8760 },
    "response": { "type": "string", "maxLength": 36 },
    "reason": { "type": "string", "minLength": 1, "maxLength": 512 },
    "dry_run": { "type": "boolean" },
    "dry_run_id": { "type": "string", "maxLength": 36 },
    "plan": { "type": "string", "maxLength": 64 }
  },
  "required": ["action", "reason"],
  "additionalProperties": false
}"#;

/// Executor type of this bee, whose own pause would keep it from ending the pause.
const OWN_TYPE: &str = "security";
const OWN_FUNCTION: &str = "respond_threat";

/// The arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    action: Action,
    /// The kind of thing to pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<PauseKind>,
    /// The function or executor type to pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The key to revoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<Id>,
    /// The account to lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    /// For how long to lock it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<u32>,
    /// The response to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<Uuid>,
    /// The reason.
    pub(super) reason: String,
    /// True to plan only.
    #[serde(default = "dry")]
    pub(super) dry_run: bool,
    /// The dry run whose plan to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dry_run_id: Option<Uuid>,
    /// The digest of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Pause,
    Revoke,
    LockAccount,
    Undo,
}

fn dry() -> bool {
    true
}

impl Request {
    /// Returns what is asked for.
    ///
    /// # Errors
    ///
    /// The argument that is missing, out of bounds, or of another action.
    pub(super) fn wish(&self) -> Result<Wish, String> {
        if self.reason.trim().is_empty() || self.reason.len() > REASON_BYTES_MAX {
            return Err(format!("`reason` says why, in 1 to {REASON_BYTES_MAX} bytes"));
        }
        self.check_others()?;
        let missing = |name: &str| format!("`{name}` is missing");
        match self.action {
            Action::Pause => self.pause(),
            Action::Revoke => Ok(Wish::Revoke { key_id: self.key_id.ok_or_else(|| missing("key_id"))? }),
            Action::LockAccount => {
                let user_id = self.user_id.ok_or_else(|| missing("user_id"))?;
                match self.hours {
                    Some(hours @ 1..=LOCK_HOURS_MAX) => Ok(Wish::LockAccount { user_id, hours }),
                    Some(hours) => Err(format!("`hours` is {hours}: expected 1 to {LOCK_HOURS_MAX}")),
                    None => Err(missing("hours")),
                }
            }
            Action::Undo => Ok(Wish::Undo { response: self.response.ok_or_else(|| missing("response"))? }),
        }
    }

    fn pause(&self) -> Result<Wish, String> {
        let kind = self.kind.ok_or("`kind` is missing: `function`, `executor_type` or `colony`")?;
        let name = self.name.clone().unwrap_or_default();
        match (kind, name.as_str()) {
            (PauseKind::Colony, "") => {}
            (PauseKind::Colony, _) => return Err("`name` is not for the whole colony: leave it out".to_owned()),
            (_, "") => return Err("`name` is missing: the function or executor type to pause".to_owned()),
            (PauseKind::ExecutorType, OWN_TYPE) | (PauseKind::Function, OWN_FUNCTION) => {
                return Err(format!("pausing `{name}` would stop this bee, which could not undo it: pause it by hand"));
            }
            _ => {}
        }
        Ok(Wish::Pause { kind, name })
    }

    /// Refuses arguments of another action, which somebody meant to have an effect.
    fn check_others(&self) -> Result<(), String> {
        let (pause, revoke, lock, undo) = match self.action {
            Action::Pause => (true, false, false, false),
            Action::Revoke => (false, true, false, false),
            Action::LockAccount => (false, false, true, false),
            Action::Undo => (false, false, false, true),
        };
        let given = [
            ("kind", self.kind.is_some(), pause),
            ("name", self.name.is_some(), pause),
            ("key_id", self.key_id.is_some(), revoke),
            ("user_id", self.user_id.is_some(), lock),
            ("hours", self.hours.is_some(), lock),
            ("response", self.response.is_some(), undo),
        ];
        match given.into_iter().find(|(_, is_given, belongs)| *is_given && !belongs) {
            Some((name, ..)) => Err(format!("`{name}` does not belong to this action: leave it out")),
            None => Ok(()),
        }
    }

    /// Returns the arguments with others in their place.
    pub(super) fn with(&self, others: Value) -> Value {
        let mut arguments = serde_json::to_value(self).unwrap_or_default();
        if let (Value::Object(arguments), Value::Object(others)) = (&mut arguments, others) {
            arguments.extend(others);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(json: &str) -> Result<Wish, String> {
        serde_json::from_str::<Request>(json).map_err(|error| error.to_string())?.wish()
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, words) in [
            (r#"{"action": "pause", "reason": "r"}"#, "`kind` is missing"),
            (r#"{"action": "pause", "reason": "r", "kind": "function"}"#, "`name` is missing"),
            (r#"{"action": "pause", "reason": "r", "kind": "colony", "name": "x"}"#, "leave it out"),
            (r#"{"action": "pause", "reason": "r", "kind": "executor_type", "name": "security"}"#, "stop this bee"),
            (r#"{"action": "pause", "reason": " ", "kind": "colony"}"#, "`reason`"),
            (r#"{"action": "pause", "reason": "r", "kind": "colony", "hours": 3}"#, "`hours` does not belong"),
            (r#"{"action": "revoke", "reason": "r"}"#, "`key_id` is missing"),
            (r#"{"action": "lock_account", "reason": "r", "user_id": "x"}"#, "UUID"),
            (
                r#"{"action": "lock_account", "reason": "r", "user_id": "6aa5d0d4-2a9f-4483-b6c8-0cf4c6c98ac4", "hours": 0}"#,
                "`hours` is 0",
            ),
            (r#"{"action": "undo", "reason": "r"}"#, "`response` is missing"),
            (r#"{"action": "erase", "reason": "r"}"#, "erase"),
            (r#"{"action": "undo"}"#, "reason"),
        ] {
            let error = wish(json).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_request_without_more_is_a_dry_run() {
        let request: Request = serde_json::from_str(r#"{"action": "pause", "kind": "colony", "reason": "r"}"#).unwrap();
        assert!(request.dry_run);
        assert_eq!(request.wish(), Ok(Wish::Pause { kind: PauseKind::Colony, name: String::new() }));
        let next = request.with(serde_json::json!({"dry_run": false}));
        assert_eq!(next["action"], "pause");
        assert_eq!(next["dry_run"], false);
    }
}
