//! Hostile clients without a key: whatever they send, the broker's memory stays within its bound, and every honest call
//! at the same time, from the same address, is answered. The broker is a real process.

mod bodies;
mod connections;
mod newcomers;
mod proxies;
mod scene;
mod streams;
