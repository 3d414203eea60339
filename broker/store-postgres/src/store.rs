//! The store: its connections, and the tasks that end with it.

use apiary_database::{PostgresPool, describe};
use apiary_store::StoreResult;
use apiary_store::signatures::BatchCache;
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connect;
use crate::fault::Fault;
use crate::options::PostgresOptions;
use crate::plain::RestrictedLanes;
use crate::session::Session;

/// The store in Postgres.
pub struct PostgresStore {
    pub(super) pool: PostgresPool,
    pub(super) server: PgConnectOptions,
    /// The server's own address, if the other is a pooler's.
    pub(super) direct: Option<PgConnectOptions>,
    pub(super) options: PostgresOptions,
    /// Signatures over many documents that were stored or read recently.
    pub(super) batches: BatchCache,
    pub(super) restricted_lanes: RestrictedLanes,
    pub(super) listeners: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl PostgresStore {
    /// Connects once, to learn at the start whether URL, password and server are right, and whether a pooler stands in
    /// between; further connections are opened when they are needed. The schema is left as it is.
    ///
    /// # Errors
    /// [`Open`](apiary_store::StoreError::Open) if the URL or the server can never do,
    /// [`Unavailable`](apiary_store::StoreError::Unavailable) if it may do later.
    pub async fn connect(url: &str, options: PostgresOptions) -> StoreResult<Self> {
        let server = connect::read_url(url)?;
        let direct = options.direct_url.as_deref().map(connect::read_url).transpose()?;
        let mut connection = connect::connect_once(&server, options.acquire_time_max).await?;
        connect::check_server(&mut connection, &describe(&server)).await?;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "the first connection did not close cleanly");
        }
        let pool = connect::pool(server.clone(), &options);
        pool.is_pooled().await.map_err(Fault::from)?;
        let (listeners, stop) = (TaskTracker::new(), CancellationToken::new());
        let (batches, restricted_lanes) = (BatchCache::default(), RestrictedLanes::default());
        Ok(Self { pool, server, direct, options, batches, restricted_lanes, listeners, stop })
    }

    /// Takes a connection from the pool, for one call.
    pub(super) async fn session(&self) -> Result<Session, Fault> {
        Ok(Session(self.pool.session().await?))
    }
}
