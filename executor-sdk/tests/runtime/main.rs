//! The SDK against a small broker in this process: what it does with work, with a broker that is away, and with
//! one that is hostile. The real broker's turn is in `tests/it`.

mod cancel;
mod client;
mod drain;
mod fake;
mod hostile;
mod leases;
mod proxy;
mod refusals;
mod scene;
mod tls;
mod work;
