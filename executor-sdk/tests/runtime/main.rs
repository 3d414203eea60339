//! Tests of the SDK against a small fake broker in this process: normal work, an unreachable broker, and a hostile one.
//! The tests with the real broker are in `tests/it`.

mod batches;
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
