//! The guard: rules for the content of work, a second layer behind the signatures.
//!
//! A signature proves who submitted the work, and a grant that they may; neither shows that the work is harmless. The
//! guard checks the arguments, after the chain of signatures was verified and before a handler sees them. Rules have
//! three origins, each of which can only refuse more: the [default set](Guard::default) for functions named like a
//! shell, the executor's own rules, and the colony's, which its key signed. A broker can withhold the colony's rules,
//! but none of the others.
//!
//! ```
//! use apiary_executor_sdk::guard::{Call, Guard};
//!
//! let guard = Guard::default();
//! let args = br#"{"command":"rm  -r -f '/'"}"#;
//! let refusal = guard.check(&Call { executor_type: Some("ops"), function: "shell", args }).unwrap_err();
//! assert_eq!(
//!     refusal.to_string(),
//!     "guard: rule `default:shell`: field `/command` (denied: recursive_delete)"
//! );
//! ```

mod args;
mod colony;
mod compile;
mod defaults;
mod error;
mod evaluate;
mod refusals;
mod rules;
mod schema;
mod shell;
mod texts;

pub use defaults::default_rules;
pub use error::{GuardError, Refusal};
pub use evaluate::Call;
pub use refusals::Refusals;
pub use rules::Guard;
