//! Connects, applies, lists.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use apiary_identity::Clock;
use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};

use super::super::answer;
use super::super::change::Change;
use super::super::error::RecordError;
use super::super::limits::{CONNECT_TIMEOUT, POSTGRES_CONNECTIONS_MAX, READ_TIMEOUT, WRITE_TIMEOUT};
use super::super::migrations::MIGRATIONS;
use super::super::record::{Applied, Record, Subscription, SubscriptionQuery};
use super::error;
use crate::breaker::Breaker;
use crate::outbound::{Outbound, Retries};

/// Customers and subscriptions in a Postgres, Supabase's or any other.
pub struct PostgresRecord {
    pool: PgPool,
    outbound: Outbound,
}

impl PostgresRecord {
    /// A record behind this URL (`postgres://…`); connects at the first call.
    ///
    /// # Errors
    ///
    /// [`RecordError::Setting`] for a URL that cannot be used.
    pub fn new(url: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, RecordError> {
        Self::with_retries(url, clock, Retries::default())
    }

    /// As [`Self::new`], with other retries.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_retries(url: &SecretString, clock: Arc<dyn Clock>, retries: Retries) -> Result<Self, RecordError> {
        let options = encrypted_unless_local(url)?.application_name("apiary-finance");
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool, outbound: Outbound::new(Breaker::new(clock), retries) })
    }

    /// Applies every migration; safe to repeat, and from several processes at once.
    ///
    /// # Errors
    ///
    /// What Postgres said.
    pub async fn migrate(&self) -> Result<(), RecordError> {
        let mut transaction = self.pool.begin().await.map_err(error::of)?;
        sqlx::query(include_str!("migration_lock.sql")).execute(&mut *transaction).await.map_err(error::of)?;
        for migration in MIGRATIONS {
            sqlx::raw_sql(migration.sql).execute(&mut *transaction).await.map_err(error::of)?;
        }
        transaction.commit().await.map_err(error::of)
    }

    async fn call_function(&self, document: &str) -> Result<String, RecordError> {
        self.outbound
            .call(|| async {
                let call = sqlx::query_scalar(include_str!("apply.sql")).bind(document).fetch_one(&self.pool);
                within(WRITE_TIMEOUT, call).await
            })
            .await
    }
}

#[async_trait]
impl Record for PostgresRecord {
    async fn apply(&self, change: &Change) -> Result<Applied, RecordError> {
        let document = answer::document(change)?;
        answer::applied(self.call_function(&document).await?.as_bytes())
    }

    async fn subscriptions(&self, query: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
        let rows: Vec<String> = self
            .outbound
            .call(|| async {
                let rows = sqlx::query_scalar(include_str!("subscriptions.sql"))
                    .bind(query.livemode)
                    .bind(query.customer_id.as_deref())
                    .bind(query.after_id.as_deref())
                    .bind(i64::from(query.limit()))
                    .fetch_all(&self.pool);
                within(READ_TIMEOUT, rows).await
            })
            .await?;
        rows.iter().map(|row| answer::subscription(row)).collect()
    }

    async fn check(&self) -> Result<(), RecordError> {
        answer::ready(self.call_function(answer::NO_EVENT).await?.as_bytes())
    }
}

/// The URL's options. Where the URL does not say (`sslmode=…`), a connection that leaves this machine is
/// encrypted or not made; sqlx itself would fall back to plain text.
fn encrypted_unless_local(url: &SecretString) -> Result<PgConnectOptions, RecordError> {
    let url = url.expose_secret().trim();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(RecordError::Setting(
            "DATABASE_URL is not Postgres's: set it to postgres://<user>:<password>@<host>/<database>".to_owned(),
        ));
    }
    let options = PgConnectOptions::from_str(url).map_err(error::of)?;
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let says = url.contains("sslmode=") || url.contains("ssl-mode=");
    Ok(if local || says { options } else { options.ssl_mode(PgSslMode::Require) })
}

/// Ends a call that takes too long. Should Postgres commit it all the same, the repetition finds the event
/// taken.
async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, RecordError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(error::of),
        Err(_) => Err(RecordError::unavailable(format!("no answer from Postgres within {} s", limit.as_secs()))),
    }
}
