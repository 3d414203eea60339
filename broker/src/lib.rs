//! The broker: keeps signed specs, hands them out under leases, keeps signed results.
//!
//! Layers, each knowing only those below it: `rpc` translates, `auth` says who may, `engine` decides,
//! `store` writes. `model` and `limits` are shared by all; [`Broker`] is the only place that wires them.

mod auth;
mod broker;
pub mod config;
mod engine;
mod error;
pub mod limits;
pub mod model;
mod rpc;
pub mod store;
mod tls;

pub use broker::Broker;
pub use config::Config;
pub use engine::lifecycle;
pub use error::{Error, StartError};
