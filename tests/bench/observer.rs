//! Observer of a Postgres server, on a connection of its own to another database of the server.

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};

use crate::processor::parent_of;

/// Environment variable with the URL of the server.
const URL: &str = "APIARY_TEST_POSTGRES_URL";
/// The module that counts statements.
const COUNTER: &str = "pg_stat_statements";

/// Write-ahead log, and the number of the next transaction: it is given to transactions that write.
const WRITTEN: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, \
                       pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
/// Statements in one database, and the write-ahead log that they wrote.
const STATEMENTS: &str = "SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(wal_bytes), 0)::bigint FROM pg_stat_statements \
                          WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)";
/// Size of one database.
const SIZE: &str = "SELECT pg_database_size($1::text)";

/// Observer of one database.
pub(crate) struct Observer {
    connection: PgConnection,
    database: String,
    postmaster: u32,
    counts_statements: bool,
}

/// Counters of Postgres at a moment.
pub(crate) struct PostgresSample {
    pub(crate) wal_bytes: i64,
    pub(crate) transactions: i64,
    /// `None` if the server does not count them.
    pub(crate) statements: Option<Statements>,
}

/// Statements of clients, without the server's own maintenance.
pub(crate) struct Statements {
    pub(crate) calls: i64,
    pub(crate) wal_bytes: i64,
}

impl Observer {
    /// Connects, to observe the database of this URL.
    pub(crate) async fn connect(url: &str) -> anyhow::Result<Self> {
        let database = reqwest::Url::parse(url)?.path().trim_start_matches('/').to_owned();
        let server = std::env::var(URL).with_context(|| format!("{URL} is not set"))?;
        let mut connection = PgConnection::connect(&server).await?;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
        let postmaster = parent_of(u32::try_from(backend)?).context("Postgres must run on this machine")?;
        let loaded: String = sqlx::query_scalar("SHOW shared_preload_libraries").fetch_one(&mut connection).await?;
        let counts_statements = loaded.contains(COUNTER);
        if counts_statements {
            sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").execute(&mut connection).await?;
        }
        Ok(Self { connection, database, postmaster, counts_statements })
    }

    /// Returns the server's first process, the parent of all others.
    pub(crate) fn postmaster(&self) -> u32 {
        self.postmaster
    }

    /// Reads the counters.
    pub(crate) async fn sample(&mut self) -> anyhow::Result<PostgresSample> {
        let (wal_bytes, transactions) = sqlx::query_as(WRITTEN).fetch_one(&mut self.connection).await?;
        let statements = match self.counts_statements {
            true => {
                let counted = sqlx::query_as(STATEMENTS).bind(&self.database);
                let (calls, wal_bytes) = counted.fetch_one(&mut self.connection).await?;
                Some(Statements { calls, wal_bytes })
            }
            false => None,
        };
        Ok(PostgresSample { wal_bytes, transactions, statements })
    }

    /// Reads the size of the database in bytes, with indexes.
    pub(crate) async fn size(&mut self) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(SIZE).bind(&self.database).fetch_one(&mut self.connection).await?)
    }

    /// Writes all pages, so that no checkpoint falls into what is measured next.
    pub(crate) async fn checkpoint(&mut self) -> anyhow::Result<()> {
        sqlx::query("CHECKPOINT").execute(&mut self.connection).await?;
        Ok(())
    }
}
