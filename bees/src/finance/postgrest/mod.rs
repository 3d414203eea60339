//! The state of record over Supabase's REST API, which is [PostgREST](https://docs.postgrest.org).

mod client;
mod error;
mod key;
mod record;
mod rows;

pub(crate) use key::headers as supabase_headers;
pub use record::PostgrestRecord;
