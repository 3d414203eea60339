//! What the broker refuses, and what a broken-into database cannot do.

mod guard;
mod hostile_bytes;
mod readers;
mod requests;
mod tampering;
mod tenants;
mod tls;
mod verify;
