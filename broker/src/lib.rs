//! The broker: keeps signed specs, hands them out under leases, keeps signed results.
//!
//! Layers, each knowing only those below it: `rpc` translates, `engine` decides, `auth` says who may,
//! `grant_cache` remembers grants, `store` writes. `model` and `limits` are shared by all; [`Broker`] is the only place that wires them.

mod auth;
mod broker;
pub mod config;
mod engine;
mod error;
mod grant_cache;
pub mod limits;
pub mod model;
mod rpc;
pub mod store;
mod tls;

pub use broker::Broker;
pub use config::Config;
pub use engine::lifecycle;
pub use error::{Error, StartError};
