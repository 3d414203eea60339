//! The edge: translates between the wire and the engine, and decides nothing.

mod brokers;
mod colonies;
mod decode;
mod encode;
mod grants;
mod http;
mod leases;
mod processes;
mod routes;
mod signed;
mod status;

pub(crate) use routes::{Rpc, routes};
