//! How to reach Postgres, and how long to wait for it.

use std::time::Duration;

/// The broker's side of its connections.
#[derive(Clone)]
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
    /// Whether a transaction pooler surely stands in between (PgBouncer or Supavisor in transaction mode). If not, it is
    /// found out at the start. Behind one, sessions are left as they are, because their settings would leak to other
    /// clients: every transaction makes its own. No statement is prepared under a name, whatever the pooler can do.
    pub has_transaction_pooler: bool,
    /// The server's own URL, past the pooler. Notifications are received there; without it, other brokers' work is noticed by
    /// slow polls.
    pub direct_url: Option<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections_max: 10,
            acquire_time_max: Duration::from_secs(5),
            statement_time_max: Duration::from_secs(15),
            lock_time_max: Duration::from_secs(5),
            has_transaction_pooler: false,
            direct_url: None,
        }
    }
}
