//! The guard from outside: the default set against what is hostile and what is ordinary, rules of one's own, and the
//! colony's.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

mod colony;
mod hostile;
mod ordinary;
mod rules;

use apiary_executor_sdk::guard::{Call, Guard};
use serde_json::{Value, json};

/// Returns the guard's refusal of work; `None` if it is allowed.
fn refusal(guard: &Guard, function: &str, args: &[u8]) -> Option<String> {
    let call = Call { executor_type: Some("ops"), function, args };
    guard.check(&call).err().map(|refusal| refusal.to_string())
}

/// Returns the guard's refusal of arguments in JSON.
fn refusal_of(guard: &Guard, function: &str, args: &Value) -> Option<String> {
    refusal(guard, function, args.to_string().as_bytes())
}

/// Returns the default set's refusal of a command.
fn verdict(command: &str) -> Option<String> {
    refusal_of(&Guard::default(), "shell", &json!({ "command": command }))
}
