//! Submit signed work to an Apiary broker, or be a *bee*: claim it, verify it, do it, sign the result.
//!
//! # A complete bee
//!
//! ```no_run
#![doc = include_str!("../examples/bee.rs")]
//! ```
//!
//! [`Executor`] claims by long poll from wherever it runs, checks each spec's chain of signatures up to the
//! colony's key before a handler sees it, renews leases in the background, cancels work whose lease was lost,
//! signs results and sends them until the broker has them, and drains on SIGTERM. Its [`guard`] looks at what
//! signed work contains, and refuses what no shell should be asked for.
//!
//! An attempt may be made more than once: a bee may die after its work is done and before the broker knows.
//! Handlers that must not act twice use [`Work::process_id`] as their key of idempotency.
//!
//! # Submitting
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use apiary_executor_sdk::identity::{SystemClock, read_key_file};
//! use apiary_executor_sdk::{Client, ClientConfig, retry};
//!
//! # async fn submit() -> Result<(), Box<dyn std::error::Error>> {
//! let key = read_key_file("submitter.pem".as_ref(), None)?;
//! let config = ClientConfig::new("https://broker.example:7420".parse()?);
//! let client = Client::new(&config, std::env::var("APIARY_COLONY")?.parse()?, key, Arc::new(SystemClock))?;
//!
//! // Arguments as JSON, every option at its default.
//! client.submit_json("greeter", "greet", &serde_json::json!({ "name": "Ada" })).await?;
//!
//! // Every option, and tried again while the broker is away: the same spec is never stored twice.
//! let mut spec = client.spec("greeter", "greet");
//! spec.priority = 10;
//! spec.idempotency_key = Some("greeting-4711".to_owned());
//! let submitted = retry(Duration::from_secs(60), || client.submit(&spec)).await?;
//! let process = client.wait_until_finished(submitted.process_id).await?;
//! println!("{:?}", process.state());
//! # Ok(())
//! # }
//! ```

mod address;
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
pub use client::{Client, Sighting, Submitted, Watch};
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
