//! What the store holds: its connections, and what ends with it.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect::{self, Breaks};
use super::fault::Fault;
use super::options::PostgresOptions;
use super::schema;
use super::session::Session;
use crate::store::StoreResult;

/// How much longer than the server's own limit a caller waits for a statement.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// The store in Postgres.
pub struct PostgresStore {
    pub(super) pool: PgPool,
    pub(super) server: schema::Server,
    pub(super) options: PostgresOptions,
    breaks: Breaks,
    pub(super) listeners: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl PostgresStore {
    /// Connects once, to learn at the start whether URL, password and server are right; further connections are opened
    /// when they are needed. The schema is left as it is.
    ///
    /// # Errors
    /// [`Open`](crate::store::StoreError::Open) if the URL or the server can never do,
    /// [`Unavailable`](crate::store::StoreError::Unavailable) if it may do later.
    pub async fn connect(url: &str, options: PostgresOptions) -> StoreResult<Self> {
        let server = connect::read_url(url)?;
        let mut connection = connect::connect_once(&server, options.acquire_time_max).await?;
        connect::check_server(&mut connection, &connect::describe(&server)).await?;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the first connection did not close cleanly");
        }
        let breaks = Breaks::default();
        let pool = connect::pool(server.clone(), &options, breaks.clone());
        let (listeners, stop) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self { pool, server, options, breaks, listeners, stop })
    }

    /// A connection of the pool, for one call.
    pub(super) async fn session(&self) -> Result<Session, Fault> {
        let connection = self.pool.acquire().await?;
        Ok(Session::new(connection, self.options.statement_time_max + ANSWER_GRACE, self.breaks.clone()))
    }
}
