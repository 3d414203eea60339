//! Security: the broker's refusals, and the limits of a compromised database.

mod guard;
mod hostile_bytes;
mod readers;
pub(crate) mod requests;
mod tampering;
mod tenants;
mod tls;
mod verify;
