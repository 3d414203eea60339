//! A transaction of shadow mode, and the connections that it needs.

use apiary_database::{PostgresPool, PostgresPoolOptions, PostgresSession, Statement, read_url_encrypted};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Decode, Postgres, Row as _, Type, query};

use super::super::limits::{CONNECT_TIMEOUT, SHADOW_ANSWER_TIMEOUT};
use super::error::ShadowError;

/// Settings of every transaction: names mean what they say, and rows that a policy hides are an error, not an absence.
const SETTINGS: &str = "set local search_path = ''; set local row_security = off; set local statement_timeout = 0; \
     set local standard_conforming_strings = on";

/// Creates the pool. Connects at the first use.
pub(super) fn pool(url: &SecretString) -> Result<PostgresPool, ShadowError> {
    let server = read_url_encrypted(url.expose_secret())
        .map_err(|error| ShadowError::Usage(format!("DATABASE_URL: {error}")))?
        .application_name("apiary-shadow");
    let options = PostgresPoolOptions {
        connections_max: 1,
        acquire_time_max: CONNECT_TIMEOUT,
        answer_time_max: SHADOW_ANSWER_TIMEOUT,
        session_settings: String::new(),
        transaction_settings: String::new(),
        has_transaction_pooler: false,
    };
    Ok(PostgresPool::new(server, options))
}

/// A transaction. It is rolled back unless it is committed.
pub(super) struct Transaction {
    session: PostgresSession,
}

impl Transaction {
    /// Begins a transaction.
    pub(super) async fn begin(pool: &PostgresPool) -> Result<Self, ShadowError> {
        let mut session = pool.session().await?;
        session.begin().await?;
        session.script(SETTINGS).await?;
        Ok(Self { session })
    }

    /// Begins a transaction that sees one state of the database, and changes nothing.
    pub(super) async fn snapshot(pool: &PostgresPool) -> Result<Self, ShadowError> {
        let mut transaction = Self::begin(pool).await?;
        transaction.script("set transaction isolation level repeatable read, read only").await?;
        Ok(transaction)
    }

    /// Begins a transaction that waits for each lock for half a second: less than the second after which Postgres looks
    /// for deadlocks, so that no session of the app is chosen as the victim of one.
    pub(super) async fn impatient(pool: &PostgresPool) -> Result<Self, ShadowError> {
        let mut transaction = Self::begin(pool).await?;
        transaction.lock_others_out().await?;
        transaction.script("set local lock_timeout = '500ms'").await?;
        Ok(transaction)
    }

    /// Waits for other commands of shadow mode that change something, and keeps later ones waiting.
    pub(super) async fn lock_others_out(&mut self) -> Result<(), ShadowError> {
        self.rows(query(include_str!("advisory_lock.sql"))).await.map(drop)
    }

    /// Runs a statement; returns its rows.
    pub(super) async fn rows(
        &mut self,
        statement: impl Into<Statement<'_, Postgres>>,
    ) -> Result<Vec<PgRow>, ShadowError> {
        Ok(self.session.rows(statement.into().persistent(false)).await?)
    }

    /// Runs a statement; returns its first row, if any.
    pub(super) async fn row(
        &mut self,
        statement: impl Into<Statement<'_, Postgres>>,
    ) -> Result<Option<PgRow>, ShadowError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Runs a statement; returns the first value of its first row, if there is one that is not null.
    pub(super) async fn value<T>(
        &mut self,
        statement: impl Into<Statement<'_, Postgres>>,
    ) -> Result<Option<T>, ShadowError>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let row = self.row(statement).await?;
        Ok(row.map(|row| row.try_get::<Option<T>, _>(0)).transpose()?.flatten())
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub(super) async fn changed(&mut self, statement: impl Into<Statement<'_, Postgres>>) -> Result<u64, ShadowError> {
        Ok(self.session.changed(statement.into().persistent(false)).await?)
    }

    /// Runs a statement that was made here; returns its rows.
    pub(super) async fn run(&mut self, sql: &str) -> Result<Vec<PgRow>, ShadowError> {
        self.rows(query(AssertSqlSafe(sql.to_owned()))).await
    }

    /// Runs statements without parameters.
    pub(super) async fn script(&mut self, statements: &'static str) -> Result<(), ShadowError> {
        Ok(self.session.script(statements).await?)
    }

    /// Commits.
    pub(super) async fn commit(mut self) -> Result<(), ShadowError> {
        Ok(self.session.commit().await?)
    }

    /// Rolls back at once.
    pub(super) async fn rollback(mut self) {
        self.session.rollback().await;
    }
}
