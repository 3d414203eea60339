//! The state of shadow mode, in `apiary.shadow` of the same database.

use sqlx::{Row as _, query};

use super::error::ShadowError;
use super::mapping::TableMapping;
use super::transaction::Transaction;

/// The state of an old table.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    mapping: String,
    /// Time of the cutover, RFC 3339, while a view has the table's name.
    pub(super) cut_over_at: Option<String>,
    /// Name of the old table since then.
    pub(super) kept: Option<String>,
}

impl State {
    /// Reads the state of a table; that of a table without one is empty.
    pub(super) async fn read(transaction: &mut Transaction, table: &TableMapping) -> Result<Self, ShadowError> {
        if !exists(transaction).await? {
            return Ok(Self::default());
        }
        let row = transaction.row(query(include_str!("state_row.sql")).bind(table.old())).await?;
        let Some(row) = row else { return Ok(Self::default()) };
        Ok(Self { mapping: row.try_get(0)?, cut_over_at: row.try_get(1)?, kept: row.try_get(2)? })
    }

    /// Checks that a table that is cut over was so by this mapping. Returns the time, or `None` for one that is not.
    pub(super) fn cut_over_by(&self, table: &TableMapping) -> Result<Option<&str>, ShadowError> {
        let Some(since) = self.cut_over_at.as_deref() else { return Ok(None) };
        if self.mapping != table.text {
            return Err(ShadowError::Refused(format!(
                "{} was cut over at {since} by another mapping: use the file as it was (apiary.shadow has its parts)",
                table.old()
            )));
        }
        Ok(Some(since))
    }
}

/// Makes the table of the state, if it is missing.
pub(super) async fn prepare(transaction: &mut Transaction) -> Result<(), ShadowError> {
    match exists(transaction).await? {
        true => Ok(()),
        false => transaction.script(include_str!("state.sql")).await,
    }
}

async fn exists(transaction: &mut Transaction) -> Result<bool, ShadowError> {
    Ok(transaction.value(query(include_str!("state_exists.sql"))).await?.unwrap_or(false))
}

/// Remembers a report of all rows; returns the seconds for which reports have been clean.
pub(super) async fn remember(
    transaction: &mut Transaction,
    table: &TableMapping,
    is_clean: bool,
    agreed: u64,
) -> Result<Option<i64>, ShadowError> {
    let agreed = i64::try_from(agreed).unwrap_or(i64::MAX);
    let statement = query(include_str!("remember.sql")).bind(table.old()).bind(&table.text).bind(is_clean).bind(agreed);
    transaction.value(statement).await
}

/// Remembers a cutover, in its transaction.
pub(super) async fn mark_cut_over(transaction: &mut Transaction, table: &TableMapping) -> Result<(), ShadowError> {
    let statement = query(include_str!("mark_cut_over.sql")).bind(table.old()).bind(&table.text).bind(table.kept());
    marked(transaction.changed(statement).await?, table)
}

/// Remembers a rollback, in its transaction.
pub(super) async fn mark_rolled_back(transaction: &mut Transaction, table: &TableMapping) -> Result<(), ShadowError> {
    let statement = query(include_str!("mark_rolled_back.sql")).bind(table.old());
    marked(transaction.changed(statement).await?, table)
}

fn marked(rows: u64, table: &TableMapping) -> Result<(), ShadowError> {
    match rows {
        1 => Ok(()),
        _ => {
            Err(ShadowError::Refused(format!("the state of {} in apiary.shadow was changed by somebody", table.old())))
        }
    }
}
