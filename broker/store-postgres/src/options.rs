//! Options of the connections to Postgres, and the times to wait for it.

use std::time::Duration;

/// The broker's side of its connections.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Connections at most, one more for listening. All brokers' together must stay under the server's
    /// `max_connections`.
    pub connections_max: u32,
    /// The time that a call waits for a free connection, or for the server to come back.
    pub acquire_time_max: Duration,
    /// The time after which the server cancels a statement.
    pub statement_time_max: Duration,
    /// The time after which the server stops waiting for a row that another transaction has locked.
    pub lock_time_max: Duration,
    /// True if a transaction pooler surely stands in between (PgBouncer or Supavisor in transaction mode). Otherwise it is detected at the
    /// start. Behind a pooler the sessions stay unchanged, because their settings would leak to other clients: every transaction
    /// makes its own settings. No statement is prepared under a name, whatever the pooler supports.
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
