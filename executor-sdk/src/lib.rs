//! Client and executor runtime of Apiary: submit signed work to a broker, or be a *bee*, which claims work, verifies
//! it, runs it, and signs the result.
//!
//! # Tour
//!
//! | to | begin with |
//! |---|---|
//! | submit, read, watch, operate | [`Client`], one method for each call of the broker; [`ClientConfig`] says where it is |
//! | be a bee | [`Executor::builder`]; handlers take a [`Work`] and return an output or a [`Failure`] |
//! | test a handler without a broker | [`testing::work`] |
//! | wait in a test, but for no fixed time | [`testing::eventually()`] |
//! | claim by hand, without the runtime | [`lease`] |
//! | refuse dangerous arguments | [`guard`] |
//! | sign and verify | [`identity`]; [`wire`] turns its envelopes into messages and back |
//!
//! Without the default feature `executor`, the crate is the client alone.
//!
//! A handler is a function, and its test needs nothing else:
//!
//! ```
//! use apiary_executor_sdk::{Failure, Work, testing};
//!
//! async fn greet(name: String, work: Work) -> Result<String, Failure> {
//!     if name.is_empty() {
//!         // No further attempt can help. `Failure::retryable` says the opposite.
//!         return Err(Failure::fatal("nobody to greet: give a name"));
//!     }
//!     Ok(format!("Hello, {name}! (attempt {})", work.attempt()))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let work = testing::work("greet").args("Ada").build();
//! assert_eq!(greet(work.json().unwrap(), work).await.unwrap(), "Hello, Ada! (attempt 1)");
//! # });
//! ```
//!
//! # A complete bee
//!
//! ```no_run
#![doc = include_str!("../examples/bee.rs")]
//! ```
//!
//! [`Executor`] claims by long poll from wherever it runs, checks each spec's chain of signatures up to the
//! colony's key before a handler sees it, renews leases in the background, cancels work whose lease was lost,
//! signs results and sends them until the broker has them, and drains on SIGTERM. Its [`guard`] checks what
//! signed work contains, and refuses what no shell should be asked for.
//!
//! An attempt may be made more than once: a bee may die after its work is done and before the broker knows.
//! Handlers that must not act twice use [`Work::process_id`] as their key of idempotency.
//!
//! # A complete submitter
//!
//! ```no_run
#![doc = include_str!("../examples/submitter.rs")]
//! ```
//!
//! [`Client::submit_json`] is shorter where every option keeps its default, and [`Client::submit`] signs a
//! [`Spec`](identity::Spec) whose fields are the options:
//!
//! ```no_run
//! # async fn submit(client: apiary_executor_sdk::Client) -> Result<(), apiary_executor_sdk::ClientError> {
//! client.submit_json("greeter", "greet", &serde_json::json!({ "name": "Ada" })).await?;
//!
//! let mut spec = client.spec("greeter", "greet");
//! spec.priority = 10;
//! spec.idempotency_key = Some("greeting-4711".to_owned());
//! client.submit(&spec).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go on
//!
//! - `examples/http_bee.rs`: a bee that calls URLs, waits when a server asks for it, and reaches no private address.
//! - `docs/writing-a-bee.md` in the repository: from an empty folder to a running bee, with its key and its grant.
//! - [`ClientError`]: whose fault a refusal is, and whether the same call can succeed later; [`retry()`] makes it again.
//! - [`limits`]: the bounds and pauses that the SDK keeps to.

mod address;
pub mod bundle;
mod client;
mod config;
mod connection;
mod error;
#[cfg(feature = "executor")]
mod executor;
#[cfg(feature = "executor")]
pub mod guard;
#[cfg(feature = "executor")]
mod handler;
#[cfg(feature = "executor")]
mod journal;
#[cfg(feature = "executor")]
pub mod lease;
pub mod limits;
#[cfg(feature = "executor")]
mod outcome;
mod retry;
mod session;
#[cfg(feature = "executor")]
pub mod testing;
pub mod wire;
#[cfg(feature = "executor")]
mod work;

pub use address::Address;
pub use apiary_identity as identity;
pub use apiary_proto::v1;
pub use apiary_protocol::{AttributeKind, Fault, LogLevel, Reason};
pub use client::{Client, Sighting, SubmitResult, Watch};
pub use config::{ClientConfig, Proxy};
pub use error::ClientError;
#[cfg(feature = "executor")]
pub use executor::{Executor, ExecutorBuilder};
#[cfg(feature = "executor")]
pub use outcome::{Failure, IntoOutput, Output};
pub use retry::retry;
pub use tokio_util::sync::CancellationToken;
#[cfg(feature = "executor")]
pub use work::Work;
