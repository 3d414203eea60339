//! The edge: translates between the wire and the engine, and decides nothing.

mod answers;
mod archives;
mod bounds;
mod brokers;
mod bulks;
mod colonies;
mod decode;
mod encode;
mod events;
mod executors;
mod explanations;
mod frame;
mod grants;
mod health;
mod http;
mod leases;
mod limits;
mod methods;
mod pauses;
mod processes;
mod routes;
mod running;
mod signed;
mod status;

pub(crate) use routes::{Rpc, routes};
