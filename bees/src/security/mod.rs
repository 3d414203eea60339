//! The security bee: looks for attacks and neglect in a colony's events, and responds to threats when it is told to.
//!
//! | function | does |
//! |---|---|
//! | `analyze_security` | applies the table of [`rules`] to the events, and gives a risk score with its reasons |
//! | `detect_anomaly` | compares the last hour with the colony's own past |
//! | `respond_threat` | pauses, asks the owner to revoke, or locks an account; after a dry run, and reversibly |
//! | `identity.hygiene` | reports keys, grants and executors that need care |
//!
//! Everything that judges is pure: `evaluate`, `anomaly` and `hygiene` take facts and the time, and give the same report for the
//! same input. `colony` reads the facts. `docs/security-bee.md` is for users.

mod analyze;
mod anomaly;
mod bee;
mod colony;
mod evaluate;
mod fact;
mod hygiene;
mod limits;
mod respond;
pub mod rules;
mod sample;
mod settings;
mod supabase;

pub use analyze::Analysis;
pub use anomaly::{Anomalies, Anomaly};
pub use bee::Security;
pub use evaluate::{Level, Reason, Report, Thresholds, evaluate};
pub use fact::{Fact, Source, SubmittedEvent};
pub use hygiene::{Concern, HygieneReport};
pub use respond::{Plan, Response, State, Wish};
