//! Receives webhooks of other services: verified over the raw body, stored durably before they are answered, then
//! submitted as signed specs.
//!
//! A sender such as Stripe forgets an event as soon as it gets a 2xx answer. An event is therefore answered only when
//! the broker has committed it, or when it is on this machine's disk: while the broker is unavailable, or rejects,
//! events go to a [spool](WebhookConfig::spool_path), and are forwarded from there in order, also after a restart.
//! Every event has an idempotency key, so that one that arrives or is forwarded twice becomes one process.
//!
//! ```no_run
//! use std::sync::Arc;
//! use apiary_adapters::sources::stripe::StripeConfig;
//! use apiary_adapters::{Webhook, WebhookConfig};
//! use apiary_daemon::Supervisor;
//! use apiary_executor_sdk::Client;
//! use apiary_identity::SystemClock;
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let secret = std::env::var("STRIPE_WEBHOOK_SECRET")?.into();
//! let stripe = StripeConfig::new(vec![secret]).receiver(&["charge.refunded = refunds/note"])?;
//! let config = WebhookConfig::new("127.0.0.1:7780".parse()?, vec![stripe], "spool".into());
//! let clock = Arc::new(SystemClock);
//! let supervisor = Supervisor::new(clock.clone());
//! let webhook = Webhook::start(config, Arc::new(client), &supervisor, clock).await?;
//! println!("Stripe may post to http://{}/webhooks/stripe", webhook.address());
//! tokio::select! {
//!     stopped = tokio::signal::ctrl_c() => stopped?,
//!     problem = supervisor.failed() => eprintln!("{problem}"),
//! }
//! webhook.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Another sender is a folder in `sources/` that implements [`Source`] and [`Endpoint`], and an entry in [`sources::ALL`].
//!
//! The module [`outbox`] reads jobs from a table of the user's own Postgres. The module [`legacy`] imports the remaining work of an older queue.

mod config;
mod contact;
mod error;
mod event;
mod forwarder;
mod intake;
pub mod legacy;
pub mod limits;
pub mod outbox;
mod refusal;
mod routes;
mod server;
mod signing;
mod sink;
mod source;
pub mod sources;
mod spool;
mod stats;
mod traffic;
#[cfg(test)]
mod vector_tests;
mod webhook;

pub use config::WebhookConfig;
pub use contact::{BROKER_AWAY, BROKER_REFUSES, BrokerState, EVENTS_SET_ASIDE, ROUTE_NOT_GRANTED};
pub use error::{SpoolError, StartError};
pub use event::{Event, EventName};
pub use limits::{SPOOL_LIST_MAX, WebhookLimits};
pub use outbox::{OutboxConfig, OutboxReport};
pub use refusal::{EventFault, Refusal};
pub use routes::{Destination, Route, RouteLine, RouteTable, Targets};
pub use server::SIGNATURES_REFUSED;
pub use sink::{Sink, SinkError};
pub use source::{Endpoint, Receiver, Source, webhook_path};
pub use spool::{SetAside, SpoolEntry, SpoolFile, SpoolFilter, SpoolState, SpoolTotals};
pub use stats::WebhookStats;
pub use traffic::{SourceTraffic, TrafficReport, TypeTraffic};
pub use webhook::{SpoolReader, Webhook};

/// The commands that read the settings of a source, as documents name them.
const USED_BY: &str = "`apiary webhook`, `apiary up`";
