//! Conversions between lists of items and the arrays and rows of a statement.

use apiary_store::StoreResult;
use apiary_store::rows::{self, Fields};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Returns a column of a batch, as the array that `unnest` opens.
// Arrays keep the text of a statement the same for every length of the batch, so one prepared statement serves all of them.
pub(super) fn column<'a, T, C>(items: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    items.iter().map(value).collect()
}

/// Reads the process ids that a statement returned.
pub(super) fn process_ids(found: &[PgRow]) -> StoreResult<Vec<Uuid>> {
    found.iter().map(|row| rows::process_id(row)).collect()
}

/// Reads a number from the first row of a statement; `None` for null or no row.
pub(super) fn number(row: Option<&PgRow>, column: &str) -> StoreResult<Option<i64>> {
    row.map_or(Ok(None), |row| Fields::of_summary(row, "leases").number_if_any(column))
}
