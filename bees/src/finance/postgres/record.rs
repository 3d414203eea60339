//! Connects, applies and lists.

use std::time::Duration;

use apiary_database::{PostgresPool, PostgresPoolOptions, read_url_encrypted};
use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Row as _, query};

use super::super::answer;
use super::super::change::Change;
use super::super::error::RecordError;
use super::super::limits::{CONNECT_TIMEOUT, POSTGRES_CONNECTIONS_MAX, READ_TIMEOUT, WRITE_TIMEOUT};
use super::super::migrations::MIGRATIONS;
use super::super::record::{Answer, Readiness, Record, Subscription, SubscriptionQuery};
use super::error;
use crate::outbound::{Outbound, Retries};

/// Customers and subscriptions in a Postgres database, Supabase's or another.
pub struct PostgresRecord {
    pub(super) pool: PostgresPool,
    pub(super) outbound: Outbound<RecordError>,
}

impl PostgresRecord {
    /// Creates a record for this URL (`postgres://…`). Connects at the first call.
    ///
    /// # Errors
    ///
    /// [`RecordError::Setting`] for an invalid URL.
    pub fn new(url: &SecretString) -> Result<Self, RecordError> {
        Self::with_retries(url, Retries::default())
    }

    /// Creates a record as [`Self::new`] does, with other retries.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::new`].
    pub fn with_retries(url: &SecretString, retries: Retries) -> Result<Self, RecordError> {
        let server = read_url_encrypted(url.expose_secret())
            .map_err(|error| RecordError::Setting(format!("DATABASE_URL: {error}")))?
            .application_name("apiary-finance");
        let options = PostgresPoolOptions {
            connections_max: POSTGRES_CONNECTIONS_MAX,
            acquire_time_max: CONNECT_TIMEOUT,
            answer_time_max: WRITE_TIMEOUT,
            session_settings: String::new(),
            transaction_settings: String::new(),
            has_transaction_pooler: false,
        };
        let pool = PostgresPool::new(server, options);
        Ok(Self { pool, outbound: Outbound::new(retries) })
    }

    /// Applies every migration; safe to repeat, also by several processes at the same time.
    ///
    /// # Errors
    ///
    /// The error of the database.
    pub async fn migrate(&self) -> Result<(), RecordError> {
        // Asked first, because the scripts' own comments do not fit into every encoding.
        answer::encoding(&self.encoding().await?)?;
        let mut session = self.pool.session().await.map_err(error::of)?;
        session.begin().await.map_err(error::of)?;
        // The lock makes concurrent runs wait for each other: two of them would create the same table.
        session.script(include_str!("migration_lock.sql")).await.map_err(error::of)?;
        for migration in MIGRATIONS {
            session.script(migration.sql).await.map_err(error::of)?;
        }
        session.commit().await.map_err(error::of)
    }

    async fn encoding(&self) -> Result<String, RecordError> {
        self.outbound
            .call(|| async {
                let call = async {
                    let row = self.pool.session().await?.row(query(include_str!("encoding.sql"))).await?;
                    row.ok_or(sqlx::Error::RowNotFound)?.try_get(0)
                };
                within(READ_TIMEOUT, call).await
            })
            .await
    }

    async fn call_function(&self, document: &str) -> Result<String, RecordError> {
        self.outbound
            .call(|| async {
                let call = async {
                    let row = self.pool.session().await?.row(query(include_str!("apply.sql")).bind(document)).await?;
                    row.ok_or(sqlx::Error::RowNotFound)?.try_get(0)
                };
                within(WRITE_TIMEOUT, call).await
            })
            .await
    }
}

#[async_trait]
impl Record for PostgresRecord {
    async fn apply(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError> {
        // A call without events would ask whether the record is ready.
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let document = answer::document(changes)?;
        answer::answers(self.call_function(&document).await?.as_bytes(), changes.len())
    }

    async fn subscriptions(&self, which: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
        let rows: Vec<String> = self
            .outbound
            .call(|| async {
                let select = query(include_str!("subscriptions.sql"))
                    .bind(which.livemode)
                    .bind(which.account.as_deref())
                    .bind(which.customer_id.as_deref())
                    .bind(which.after_id.as_deref())
                    .bind(i64::from(which.limit()));
                let rows = async {
                    let rows = self.pool.session().await?.rows(select).await?;
                    rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()
                };
                within(READ_TIMEOUT, rows).await
            })
            .await?;
        rows.iter().map(|row| answer::subscription(row)).collect()
    }

    async fn check(&self) -> Result<Readiness, RecordError> {
        answer::encoding(&self.encoding().await?)?;
        answer::ready(self.call_function(answer::NO_EVENTS).await?.as_bytes())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Ends a call that takes too long. If Postgres commits it all the same, the repetition gets [`Applied::Duplicate`].
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, RecordError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(error::of),
        Err(_) => Err(RecordError::unavailable(format!("no answer from Postgres within {} s", limit.as_secs()))),
    }
}
