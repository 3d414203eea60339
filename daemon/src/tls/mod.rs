//! TLS certificates and keys: read from PEM files, with errors that name the setting and the remedy, and checked for
//! expiry.

mod pem;
mod validity;

pub use pem::{Pem, TlsError, pair};
pub use validity::{EXPIRY_NOTICE, Validity};
