//! How to reach Postgres, and how long to wait for it.

use std::time::Duration;

/// The broker's side of its connections.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Connections at most, one more for listening. All brokers' together must stay under the server's
    /// `max_connections`.
    pub connections_max: u32,
    /// How long a call waits for a free connection, or for the server to come back.
    pub acquire_time_max: Duration,
    /// The server gives a statement up after this long.
    pub statement_time_max: Duration,
    /// The server gives up waiting for a row that another transaction holds after this long.
    pub lock_time_max: Duration,
    /// Whether a transaction pooler stands in between (PgBouncer or Supavisor in transaction mode). Sessions are then
    /// left as they are, because their settings would leak to other clients: give the role its time-outs and
    /// `synchronous_commit` with `ALTER ROLE`. No notifications are received, so other brokers' work is noticed by slow
    /// polls. The pooler must know prepared statements (PgBouncer: `max_prepared_statements` above 0), and
    /// migrations need the direct URL.
    pub has_transaction_pooler: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections_max: 10,
            acquire_time_max: Duration::from_secs(5),
            statement_time_max: Duration::from_secs(15),
            lock_time_max: Duration::from_secs(5),
            has_transaction_pooler: false,
        }
    }
}
