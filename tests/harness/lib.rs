//! Harness of the tests of the whole system: servers, databases, keys, and waits for conditions.

pub mod backend;
pub mod binary;
pub mod cluster;
pub mod colony;
pub mod daemon;
pub mod disk;
pub mod gotrue;
pub mod nginx;
pub mod parts;
pub mod ports;
pub mod postgrest;
pub mod proxy;
pub mod random;
pub mod stripe;
pub mod stripe_api;
pub mod web;

pub use apiary_executor_sdk::testing::{blocking, eventually, eventually_within};
pub use backend::{Backend, Hold, altered};
pub use binary::apiary_binary;
pub use cluster::{PgBouncer, Server, postgres_programs};
pub use colony::{TestColony, flip, grant_document, spoil};
pub use disk::{Disk, Fault};
pub use nginx::Nginx;
pub use ports::Port;
pub use postgrest::PostgrestStub;
pub use proxy::Proxy;
pub use web::{http, http2};
