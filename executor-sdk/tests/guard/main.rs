//! The guard from outside: the default set against what is hostile and what is ordinary, rules of one's own, and the
//! colony's.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

mod colony;
mod hostile;
mod ordinary;
mod rules;

use apiary_executor_sdk::guard::{Call, Guard};
use serde_json::{Value, json};

/// What the guard says to work of some executor type; `None` if it may be done.
fn refusal(guard: &Guard, function: &str, args: &[u8]) -> Option<String> {
    let call = Call { executor_type: Some("ops"), function, args };
    guard.check(&call).err().map(|refusal| refusal.to_string())
}

/// The same for arguments in JSON.
fn refusal_of(guard: &Guard, function: &str, args: &Value) -> Option<String> {
    refusal(guard, function, args.to_string().as_bytes())
}

/// What the default set says to a command.
fn verdict(command: &str) -> Option<String> {
    refusal_of(&Guard::default(), "shell", &json!({ "command": command }))
}
