//! The broker: keeps signed specs, hands them out under leases, keeps signed results.
//!
//! Layers, each knowing only those below it: `rpc` translates, `engine` decides, `auth` says who may,
//! `grant_cache` remembers grants, `refusals` gathers refused calls and `addresses` the networks of keys, and the crate
//! `apiary-store` says what a database must do.
//! [`Broker`] is the only place that wires them.

mod addresses;
mod attention;
mod auth;
mod broker;
pub mod config;
mod engine;
mod error;
mod grant_cache;
mod hearing;
pub mod limits;
mod metrics;
mod refusals;
mod rpc;
mod tls;

pub use attention::{AttentionReader, BrokerAttention, Condition};
pub use broker::{Broker, back_up, open_store, schema_versions};
pub use config::Config;
pub use error::{Error, StartError};
