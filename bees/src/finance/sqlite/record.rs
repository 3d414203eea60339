//! Opens, applies and lists.

use std::path::Path;

use apiary_database::{SqliteTransaction, SqliteWriter};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Row as _, query};

use super::super::answer;
use super::super::change::Change;
use super::super::error::RecordError;
use super::super::limits::READ_TIMEOUT;
use super::super::record::{Applied, Record, Subscription, SubscriptionQuery};
use super::{error, schema};

/// Customers and subscriptions in a SQLite file.
pub struct SqliteRecord {
    /// Single connection: SQLite has one writer, so callers queue here in order instead of getting SQLITE_BUSY.
    writer: SqliteWriter,
}

/// Statements for one row: a write for each register, and the check that the row exists.
struct Row {
    writes: &'static [&'static str],
    check: &'static str,
    table: &'static str,
}

const CUSTOMER: Row = Row {
    writes: &[
        include_str!("name_customer.sql"),
        include_str!("write_customer_state.sql"),
        include_str!("write_customer_checkout.sql"),
    ],
    check: include_str!("check_customer.sql"),
    table: "stripe_customers",
};

const SUBSCRIPTION: Row = Row {
    writes: &[
        include_str!("name_subscription.sql"),
        include_str!("write_subscription_customer.sql"),
        include_str!("write_subscription_state.sql"),
        include_str!("write_subscription_checkout.sql"),
        include_str!("write_subscription_invoice.sql"),
    ],
    check: include_str!("check_subscription.sql"),
    table: "stripe_subscriptions",
};

impl SqliteRecord {
    /// Opens the file, creates it if missing (readable by its owner only), and migrates it to this version's schema.
    /// Every commit is on the disk before it counts (`synchronous=FULL`).
    ///
    /// # Errors
    ///
    /// A file that cannot be opened, is not a database, or has a newer version.
    pub async fn open(path: &Path) -> Result<Self, RecordError> {
        make_private(path).await?;
        let cannot_open = |cause: RecordError| match cause.is_retryable() {
            // A full disk, or a file locked by another program.
            true => cause,
            false => RecordError::Setting(format!("cannot open {}: {cause}", path.display())),
        };
        schema::refuse_foreign(path).await.map_err(cannot_open)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(READ_TIMEOUT);
        let writer = SqliteWriter::new(options);
        let mut transaction = writer.begin().await.map_err(|cause| cannot_open(error::of(cause)))?;
        schema::migrate(&mut transaction).await?;
        transaction.commit().await.map_err(error::of)?;
        Ok(Self { writer })
    }
}

#[async_trait]
impl Record for SqliteRecord {
    async fn apply(&self, change: &Change) -> Result<Applied, RecordError> {
        let document = answer::document(change)?;
        let mut transaction = self.writer.begin().await.map_err(error::of)?;
        let applied = merge(&mut transaction, change, &document).await?;
        transaction.commit().await.map_err(error::of)?;
        Ok(applied)
    }

    async fn subscriptions(&self, which: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
        let select = query(include_str!("subscriptions.sql"))
            .bind(which.livemode)
            .bind(which.customer_id.as_deref())
            .bind(which.after_id.as_deref())
            .bind(i64::from(which.limit()));
        let rows = self.writer.begin().await.map_err(error::of)?.rows(select).await.map_err(error::of)?;
        rows.iter().map(|row| answer::subscription(row.try_get(0).map_err(error::of)?)).collect()
    }

    async fn check(&self) -> Result<(), RecordError> {
        self.subscriptions(&SubscriptionQuery { limit: 1, ..SubscriptionQuery::all(true) }).await.map(drop)
    }

    /// Checkpoints the write-ahead log, so that the one file holds everything.
    async fn close(&self) {
        self.writer.close().await;
    }
}

/// Creates the file, if missing, for its owner only: it holds names and e-mail addresses. SQLite gives the files beside
/// it the same permissions.
async fn make_private(path: &Path) -> Result<(), RecordError> {
    let made = tokio::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).await;
    made.map(drop).map_err(|error| RecordError::Setting(format!("cannot open {}: {error}", path.display())))
}

/// Applies a change with the steps of the Postgres function `apply_stripe_event`, one statement each.
async fn merge(transaction: &mut SqliteTransaction, change: &Change, document: &str) -> Result<Applied, RecordError> {
    // Inserted first: no row means that an event with this id was recorded before, in a transaction that committed
    // wholly.
    if execute(transaction, include_str!("record_event.sql"), document).await? == 0 {
        return Ok(Applied::Duplicate);
    }
    let mut rows_changed = 0;
    if change.customer.is_some() {
        rows_changed += write(transaction, &CUSTOMER, document).await?;
    }
    if change.subscription.is_some() {
        rows_changed += write(transaction, &SUBSCRIPTION, document).await?;
    }
    let (applied, word) = match (&change.customer, &change.subscription) {
        (None, None) => return Ok(Applied::Ignored),
        _ if rows_changed > 0 => (Applied::Applied, "applied"),
        _ => (Applied::Superseded, "superseded"),
    };
    let outcome = query(include_str!("record_outcome.sql")).bind(document).bind(word);
    transaction.changed(outcome).await.map_err(error::of)?;
    Ok(applied)
}

/// Writes every register of one row, and checks that the row exists afterwards.
async fn write(transaction: &mut SqliteTransaction, row: &Row, document: &str) -> Result<u64, RecordError> {
    let mut rows_changed = 0;
    for statement in row.writes {
        rows_changed += execute(transaction, statement, document).await?;
    }
    // A trigger may drop a write without an error. Without this check, the event would count as applied and be lost.
    let found = transaction.row(query(row.check).bind(document)).await.map_err(error::of)?;
    let rows: i64 = found.map_or(Ok(0), |found| found.try_get(0)).map_err(error::of)?;
    if rows != 1 {
        let what = format!("a row was not written: a trigger on {} drops writes", row.table);
        return Err(RecordError::Dropped { what });
    }
    Ok(rows_changed)
}

async fn execute(
    transaction: &mut SqliteTransaction,
    statement: &'static str,
    document: &str,
) -> Result<u64, RecordError> {
    transaction.changed(query(statement).bind(document)).await.map_err(error::of)
}
