//! Parts of signature checks that several sources share. Every comparison with a secret takes constant time.

mod age;
mod header;
mod mac;
mod secrets;

pub(crate) use age::check_age;
pub(crate) use header::{header, optional_header};
pub(crate) use mac::Algorithm;
pub(crate) use secrets::{SECRET_BYTES_MIN, check_secrets};

/// Most signatures of one request that are checked.
pub(crate) const SIGNATURES_MAX: usize = 16;
