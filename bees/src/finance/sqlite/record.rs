//! Opens, applies and lists.

use std::path::Path;

use apiary_database::{SqliteTransaction, SqliteWriter};
use apiary_executor_sdk::Fault;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Row as _, query};

use super::super::answer;
use super::super::change::{Change, ObjectChange};
use super::super::error::RecordError;
use super::super::limits::{READ_TIMEOUT, TIES_BYTES_MAX};
use super::super::record::{Answer, Applied, Readiness, Record, Subscription, SubscriptionQuery, Tie};
use super::super::version;
use super::{error, schema};

/// Customers and subscriptions in a SQLite file.
pub struct SqliteRecord {
    /// Single connection: SQLite has one writer, so callers queue here in order instead of getting SQLITE_BUSY.
    pub(super) writer: SqliteWriter,
}

/// Statements for one row of customers or subscriptions.
struct Row {
    /// Part of the change.
    part: &'static str,
    table: &'static str,
    name: &'static str,
    write_state: &'static str,
    /// Writes of the other registers.
    writes: &'static [&'static str],
    /// Writes of what any event may mention, and of what never changes; they do not count as changes.
    mentions: &'static [&'static str],
    stored: &'static str,
    /// Counts the row if no other register is older than the change's.
    check: &'static str,
}

const CUSTOMER: Row = Row {
    part: "customer",
    table: "stripe_customers",
    name: include_str!("name_customer.sql"),
    write_state: include_str!("write_customer_state.sql"),
    writes: &[include_str!("write_customer_checkout.sql")],
    mentions: &[],
    stored: include_str!("stored_customer.sql"),
    check: include_str!("check_customer.sql"),
};

const SUBSCRIPTION: Row = Row {
    part: "subscription",
    table: "stripe_subscriptions",
    name: include_str!("name_subscription.sql"),
    write_state: include_str!("write_subscription_state.sql"),
    writes: &[include_str!("write_subscription_checkout.sql"), include_str!("write_subscription_invoice.sql")],
    mentions: &[include_str!("write_subscription_customer.sql"), include_str!("keep_subscription.sql")],
    stored: include_str!("stored_subscription.sql"),
    check: include_str!("check_subscription.sql"),
};

/// Writes of the objects that are told by their own events alone, by table: of the state, and of what never changes.
const OBJECTS: [(&str, &str, Option<&str>); 7] = [
    ("charges", include_str!("write_charges.sql"), Some(include_str!("keep_charges.sql"))),
    ("checkouts", include_str!("write_checkouts.sql"), Some(include_str!("keep_checkouts.sql"))),
    ("disputes", include_str!("write_disputes.sql"), None),
    ("invoices", include_str!("write_invoices.sql"), None),
    ("payments", include_str!("write_payments.sql"), Some(include_str!("keep_payments.sql"))),
    ("refunds", include_str!("write_refunds.sql"), None),
    ("schedules", include_str!("write_schedules.sql"), None),
];

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
    async fn apply(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError> {
        match self.apply_together(changes).await {
            Err(error) if changes.len() > 1 && is_of_one_event(&error) => self.apply_apart(changes).await,
            answers => answers,
        }
    }

    async fn subscriptions(&self, which: &SubscriptionQuery) -> Result<Vec<Subscription>, RecordError> {
        let select = query(include_str!("subscriptions.sql"))
            .bind(which.livemode)
            .bind(which.account.as_deref())
            .bind(which.customer_id.as_deref())
            .bind(which.after_id.as_deref())
            .bind(i64::from(which.limit()));
        let rows = self.writer.begin().await.map_err(error::of)?.rows(select).await.map_err(error::of)?;
        rows.iter().map(|row| answer::subscription(row.try_get(0).map_err(error::of)?)).collect()
    }

    async fn check(&self) -> Result<Readiness, RecordError> {
        let mut transaction = self.writer.begin().await.map_err(error::of)?;
        let row = transaction.row(query(include_str!("readiness.sql"))).await.map_err(error::of)?;
        let number = |column: &str| {
            let number = row.as_ref().map_or(Ok(0_i64), |row| row.try_get(column)).map_err(error::of);
            number.map(|number| u64::try_from(number).unwrap_or(0))
        };
        Ok(Readiness {
            encoding: "UTF8".to_owned(),
            uncertain: number("uncertain")?,
            incomplete: number("incomplete")?,
        })
    }

    /// Checkpoints the write-ahead log, so that the one file holds everything.
    async fn close(&self) {
        self.writer.close().await;
    }
}

impl SqliteRecord {
    async fn apply_together(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError> {
        let mut transaction = self.writer.begin().await.map_err(error::of)?;
        let (mut answers, mut ties_bytes) = (Vec::with_capacity(changes.len()), 0_usize);
        for change in changes {
            let mut answer = merge(&mut transaction, change, ties_bytes > TIES_BYTES_MAX).await?;
            if let Answer::Tie(tie) = &answer {
                ties_bytes += tie.events.iter().map(String::len).sum::<usize>();
                if ties_bytes > TIES_BYTES_MAX {
                    answer = Answer::Again;
                }
            }
            answers.push(answer);
        }
        transaction.commit().await.map_err(error::of)?;
        Ok(answers)
    }

    /// Applies each event in a transaction of its own, so that one that is refused holds up no other.
    async fn apply_apart(&self, changes: &[&Change]) -> Result<Vec<Answer>, RecordError> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            match self.apply_together(&[*change]).await {
                Ok(answer) => answers.extend(answer),
                Err(error) if is_of_one_event(&error) => answers.push(Answer::Refused(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }
}

/// Returns true for an error that another event may not have.
fn is_of_one_event(error: &RecordError) -> bool {
    error.fault() == Fault::Document || matches!(error, RecordError::Dropped { .. })
}

/// Creates the file, if missing, for its owner only: it holds names and e-mail addresses. SQLite gives the files beside
/// it the same permissions.
async fn make_private(path: &Path) -> Result<(), RecordError> {
    let made = tokio::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).await;
    made.map(drop).map_err(|error| RecordError::Setting(format!("cannot open {}: {error}", path.display())))
}

/// Applies a change with the steps of the Postgres function `apply_stripe_events`, one statement each. `is_full` says that the
/// answer has no room for the events of a tie.
async fn merge(transaction: &mut SqliteTransaction, change: &Change, is_full: bool) -> Result<Answer, RecordError> {
    let document = answer::without_payload(change)?;
    if count(transaction, include_str!("find_event.sql"), &document).await? > 0 {
        return Ok(Answer::Done(Applied::Duplicate));
    }
    let mut merge = Merge { transaction, change, document, rows_changed: 0, tie: None, is_full };
    if let Some(customer) = &change.customer {
        merge.row(&CUSTOMER, &customer.state_version).await?;
    }
    if let Some(subscription) = &change.subscription {
        merge.row(&SUBSCRIPTION, &subscription.state_version).await?;
        if !subscription.state_version.is_empty() && merge.tie.is_none() {
            merge.run(include_str!("write_items_version.sql")).await?;
            merge.run(include_str!("write_items.sql")).await?;
            merge.run(include_str!("delete_items.sql")).await?;
            if count(merge.transaction, include_str!("check_items.sql"), &merge.document).await? > 0 {
                return Err(dropped("item", "stripe_subscription_items"));
            }
        }
    }
    if let Some(object) = &change.object {
        merge.object(object).await?;
    }
    merge.finish().await
}

/// The statement that marks an object's order as open.
macro_rules! open_order {
    ($table:literal, $stored:literal, $part:literal) => {
        (
            $table,
            concat!(
                "update ",
                $stored,
                " set order_open = 1 where account = ?1 ->> '$.",
                $part,
                ".account' and livemode = ?1 ->> '$.",
                $part,
                ".livemode' and id = ?1 ->> '$.",
                $part,
                ".id'"
            ),
        )
    };
}

/// Statements that mark an object's order as open, by table.
const OPEN_ORDERS: [(&str, &str); 9] = [
    open_order!("stripe_customers", "stripe_customers", "customer"),
    open_order!("stripe_subscriptions", "stripe_subscriptions", "subscription"),
    open_order!("invoices", "stripe_invoices", "object"),
    open_order!("payments", "stripe_payments", "object"),
    open_order!("charges", "stripe_charges", "object"),
    open_order!("checkouts", "stripe_checkouts", "object"),
    open_order!("refunds", "stripe_refunds", "object"),
    open_order!("disputes", "stripe_disputes", "object"),
    open_order!("schedules", "stripe_schedules", "object"),
];

/// Merge of a change into the tables, part by part.
struct Merge<'a> {
    transaction: &'a mut SqliteTransaction,
    change: &'a Change,
    /// The change without the event as received, which one statement needs.
    document: String,
    rows_changed: u64,
    /// Stored version of an object whose events tie.
    tie: Option<String>,
    is_full: bool,
}

impl Merge<'_> {
    /// Writes every register of one row.
    async fn row(&mut self, row: &Row, version: &str) -> Result<(), RecordError> {
        self.run(row.name).await?;
        let written = self.run(row.write_state).await?;
        self.settle(row.stored, written, version, row.part, row.table).await?;
        for write in row.writes {
            self.rows_changed += self.run(write).await?;
        }
        for mention in row.mentions {
            self.run(mention).await?;
        }
        // A trigger may drop a write without an error. Without this check, the event would count as applied and be lost.
        if count(self.transaction, row.check, &self.document).await? != 1 {
            return Err(dropped(row.part, row.table));
        }
        Ok(())
    }

    async fn object(&mut self, object: &ObjectChange) -> Result<(), RecordError> {
        let Some((table, write, keep)) = OBJECTS.iter().find(|(table, ..)| *table == object.table) else {
            return Err(RecordError::Answer(format!("no table for {}", object.table)));
        };
        let written = self.run(write).await?;
        if let Some(keep) = keep {
            self.run(keep).await?;
        }
        self.settle(include_str!("stored_object.sql"), written, &object.state_version, "object", table).await
    }

    /// Looks for a tie where a state was not written, and makes sure that nothing else kept it from being written.
    async fn settle(
        &mut self,
        stored: &'static str,
        written: u64,
        version: &str,
        part: &str,
        table: &str,
    ) -> Result<(), RecordError> {
        self.rows_changed += written;
        if written > 0 || version.is_empty() {
            return Ok(());
        }
        let row = self.transaction.row(query(stored).bind(&self.document)).await.map_err(error::of)?;
        let row = row.ok_or_else(|| dropped(part, table))?;
        let stored: String = row.try_get(0).map_err(error::of)?;
        let is_open: bool = row.try_get(1).map_err(error::of)?;
        if stored.as_str() < version {
            return Err(dropped(part, table));
        }
        // The same finality and second; or an older event, which may tell more of an order that is open.
        if is_open || version::moment(&stored) == version::moment(version) {
            self.tie = Some(stored);
            // Until the decision is written, an older event of the object is a tie as well: the decision does not know it.
            if let Some((_, open)) = OPEN_ORDERS.iter().find(|(name, _)| *name == table) {
                self.run(open).await?;
            }
        }
        Ok(())
    }

    async fn finish(self) -> Result<Answer, RecordError> {
        if let Some(version) = self.tie {
            if self.is_full {
                return Ok(Answer::Again);
            }
            let second = Timestamp::from_second(version::second(&version).unwrap_or_default()).unwrap_or_default();
            let select = query(include_str!("events_of.sql")).bind(&self.document).bind(second.to_string());
            let rows = self.transaction.rows(select).await.map_err(error::of)?;
            let events = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Option<String>>, _>>();
            let events = events.map_err(error::of)?;
            let more = events.iter().any(Option::is_none);
            return Ok(Answer::Tie(Tie { version, events: events.into_iter().flatten().collect(), more }));
        }
        let applied = match self.rows_changed {
            _ if self.change.is_empty() => Applied::Ignored,
            0 => Applied::Superseded,
            _ => Applied::Applied,
        };
        let payload = Some(&*self.change.event.payload).filter(|payload| !payload.is_empty());
        let record = query(include_str!("record_event.sql")).bind(&self.document).bind(applied.as_str()).bind(payload);
        match self.transaction.changed(record).await.map_err(error::of)? {
            0 => Err(dropped("event", "stripe_events")),
            _ => Ok(Answer::Done(applied)),
        }
    }

    async fn run(&mut self, statement: &'static str) -> Result<u64, RecordError> {
        self.transaction.changed(query(statement).bind(&self.document)).await.map_err(error::of)
    }
}

async fn count(
    transaction: &mut SqliteTransaction,
    statement: &'static str,
    document: &str,
) -> Result<i64, RecordError> {
    let found = transaction.row(query(statement).bind(document)).await.map_err(error::of)?;
    found.map_or(Ok(0), |found| found.try_get(0)).map_err(error::of)
}

fn dropped(part: &str, table: &str) -> RecordError {
    RecordError::Dropped { what: format!("the {part} was not written: a trigger on {table} drops writes") }
}
