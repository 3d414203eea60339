//! Clients that mean harm and have no key: whatever they send, the broker's memory stays within its bound, and every honest call
//! beside them, from the same address, is answered. The broker is a real process.

mod bodies;
mod connections;
mod newcomers;
mod proxies;
mod scene;
mod streams;
