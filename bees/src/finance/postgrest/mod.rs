//! The state of record over Supabase's REST API, which is [PostgREST](https://docs.postgrest.org).

mod client;
mod error;
mod key;
mod record;
mod rows;

pub use record::PostgrestRecord;

pub(super) use client::{install_crypto_provider, is_loopback};
pub(super) use error::retry_after;
