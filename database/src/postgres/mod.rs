//! Connections to Postgres: read from a URL, kept in a pool, and dropped when they fail.

mod breaks;
mod pool;
mod pooler;
mod session;
mod url;

pub use breaks::{Breaks, is_break};
pub use pool::{PostgresPool, PostgresPoolOptions};
pub use pooler::leads_to_pooler;
pub use session::PostgresSession;
pub use url::{UrlError, describe, environment, read_url, read_url_encrypted};
