//! Certificates and keys of TLS: read from PEM files with errors that name the setting and the remedy, and watched for their end.

mod pem;
mod validity;

pub use pem::{Pem, TlsError, pair};
pub use validity::{EXPIRY_NOTICE, Validity};
