//! TLS from certificate files that are read again when they change, so that a renewed certificate needs no restart.

mod handshake;
mod served;
#[cfg(test)]
mod tests;

pub(crate) use served::{Tls, TlsFiles};
