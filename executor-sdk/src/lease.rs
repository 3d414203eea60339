//! Leases by hand: verified as an [`Executor`](crate::Executor) verifies them, reported, and ended with a signed
//! result.
//!
//! An `Executor` is made of these parts, and most bees need only that. They are public for programs without a handler,
//! whose work is done by another program, such as `apiary lease`.
//!
//! ```no_run
//! # use apiary_executor_sdk::{Client, ClientError, guard::Guard, lease::{self, Claimant, Subject}, v1};
//! # use std::time::Duration;
//! # async fn example(client: Client, guard: Guard) -> Result<(), ClientError> {
//! let claimant = Claimant { executor_type: "greeter", name: None, functions: None };
//! let request = v1::ClaimRequest { executor_type: "greeter".into(), wait_ms: 20_000, ..Default::default() };
//! for leased in client.claim(request).await?.leases {
//!     let Some(subject) = Subject::of(&leased) else { continue };
//!     match lease::examine(&client, &claimant, &guard, &leased) {
//!         Ok(work) => drop(subject.succeeded(&client, &work.args)?.send(&client).await?),
//!         Err(rejection) => lease::reject(&client, &guard, &subject, &rejection, Duration::from_secs(30)).await,
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub(crate) mod courier;
mod ending;
mod examine;
mod lines;
mod reject;
mod subject;

pub use ending::{Ending, ReportAnswer};
pub use examine::{Claimant, Rejection, VerifiedLease, examine};
pub use lines::{Lines, lines_of};
pub use reject::reject;
pub use subject::Subject;
