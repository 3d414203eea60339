//! Lists of items on their way to a statement, and what comes back of them.

use apiary_store::StoreResult;
use apiary_store::rows::{self, Fields};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// One column of a batch, for `unnest`.
pub(super) fn column<'a, T, C>(items: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    items.iter().map(value).collect()
}

/// The process ids that a statement returned.
pub(super) fn process_ids(found: &[PgRow]) -> StoreResult<Vec<Uuid>> {
    found.iter().map(|row| rows::process_id(row)).collect()
}

/// The one number that a statement returned, or null.
pub(super) fn number(row: Option<&PgRow>, column: &str) -> StoreResult<Option<i64>> {
    row.map_or(Ok(None), |row| Fields::of_summary(row, "leases").number_if_any(column))
}
