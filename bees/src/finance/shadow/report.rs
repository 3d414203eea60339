//! The report: compares every table of a mapping, and remembers for how long they have agreed.

use apiary_database::PostgresPool;
use apiary_settings::Values;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::super::limits::SHADOW_LOCK_TRIES;
use super::super::settings;
use super::compare::{TableReport, View, compare, shown};
use super::error::ShadowError;
use super::mapping::{Mapping, TableMapping};
use super::state::{self, State};
use super::transaction::{self, Transaction};

/// Old tables beside the state of record, in one Postgres.
pub struct Shadow {
    pub(super) pool: PostgresPool,
    pub(super) mapping: Mapping,
    pub(super) lock_tries: u32,
}

/// The comparison of every table.
#[derive(Clone, Debug, Serialize)]
pub struct ShadowReport {
    /// True if all settled rows of all tables agree.
    pub clean: bool,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// The reason why the report was not remembered, so that it does not count for a cutover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_remembered: Option<String>,
}

impl Shadow {
    /// Prepares the comparison in the Postgres of `finance.database_url`. Connects at the first call.
    ///
    /// # Errors
    ///
    /// [`ShadowError::Usage`] without that setting: over Supabase's REST API neither another table can be compared nor a
    /// view made.
    pub fn open(settings: &Values, mapping: Mapping) -> Result<Self, ShadowError> {
        let url = settings::database_url(settings).ok_or_else(|| {
            ShadowError::Usage(
                "shadow mode needs a connection to the Postgres that has both the old tables and the state of record: \
                 set DATABASE_URL (`finance.database_url`) for this command; Supabase's REST API does not do"
                    .to_owned(),
            )
        })?;
        Self::new(&url, mapping)
    }

    /// Prepares the comparison in the Postgres of this URL, as [`Self::open`] does.
    ///
    /// # Errors
    ///
    /// [`ShadowError::Usage`] for an invalid URL.
    pub fn new(url: &SecretString, mapping: Mapping) -> Result<Self, ShadowError> {
        Ok(Self { pool: transaction::pool(url)?, mapping, lock_tries: SHADOW_LOCK_TRIES })
    }

    /// Sets the number of attempts to lock a table, each for half a second.
    #[must_use]
    pub fn lock_tries(self, lock_tries: u32) -> Self {
        Self { lock_tries, ..self }
    }

    /// Compares every table, and lists up to `show` rows of each that do not agree. A report of all rows is remembered.
    ///
    /// # Errors
    ///
    /// A mapping that does not fit the tables, a table that is cut over, or the database's error.
    pub async fn report(&self, since: Option<Timestamp>, show: u32) -> Result<ShadowReport, ShadowError> {
        let mut transaction = Transaction::begin(&self.pool).await?;
        for table in &self.mapping.tables {
            if let Some(at) = State::read(&mut transaction, table).await?.cut_over_at {
                return Err(ShadowError::Refused(format!(
                    "{} was cut over at {at}: nothing is left to compare; `apiary shadow rollback` undoes it, and a \
                     mapping without it compares the others",
                    table.old()
                )));
            }
        }
        transaction.rollback().await;
        self.compare(&self.mapping.tables.iter().collect::<Vec<_>>(), since, show).await
    }

    /// Compares some tables of the mapping, at one moment.
    pub(super) async fn compare(
        &self,
        tables: &[&TableMapping],
        since: Option<Timestamp>,
        show: u32,
    ) -> Result<ShadowReport, ShadowError> {
        let since = since.map(|since| since.to_string());
        let view = View { lag: self.mapping.lag, since: since.as_deref(), show: shown(show) };
        let mut snapshot = Transaction::snapshot(&self.pool).await?;
        let mut reports = Vec::new();
        for table in tables {
            reports.push(compare(&mut snapshot, table, &view).await?);
        }
        snapshot.rollback().await;
        let clean = reports.iter().all(TableReport::is_clean);
        let mut report = ShadowReport { clean, tables: reports, not_remembered: None };
        if since.is_none() {
            let remembered = self.remember(tables, &mut report.tables).await;
            report.not_remembered = remembered.err().map(|error| error.to_string());
        }
        Ok(report)
    }

    async fn remember(&self, tables: &[&TableMapping], reports: &mut [TableReport]) -> Result<(), ShadowError> {
        let mut transaction = Transaction::begin(&self.pool).await?;
        // Two reports at once would both make the table.
        transaction.lock_others_out().await?;
        state::prepare(&mut transaction).await?;
        for (table, report) in tables.iter().zip(reports) {
            let clean = state::remember(&mut transaction, table, report.is_clean(), report.agreed).await?;
            report.clean_for_s = clean.map(|seconds| u64::try_from(seconds).unwrap_or_default());
        }
        transaction.commit().await
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
