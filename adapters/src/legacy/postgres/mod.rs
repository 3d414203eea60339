//! Reads the table from Postgres, in one read-only transaction, so that all rows come from one snapshot.

use std::time::Duration;

use apiary_database::read_url_encrypted;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions as _, Row as _};

use super::error::LegacyError;
use super::fields::Fields;
use super::file::too_long;
use super::limits::{CONNECT_TIMEOUT, PAGE_ROWS, READ_TIMEOUT, ROW_BYTES_MAX, SHOWN_CHARS_MAX, STATUSES_MAX};
use super::mapping::Mapping;
use super::source::{Found, Page};
use super::status::RowStatus;

/// Columns that every table must have.
const NEEDED: [&str; 2] = ["id", "status"];

/// An open table.
pub struct LegacyTable {
    connection: PgConnection,
    /// Rows counted when the table was opened; returned as the first page.
    counted: Option<Page>,
}

impl LegacyTable {
    /// Opens the table `colony_tasks` behind this URL (`postgres://…`), in this schema or on the role's search path.
    /// Rows that the mapping does not submit are counted by the database, and not read.
    ///
    /// # Errors
    ///
    /// An invalid URL, a table that is missing or unsuitable, or an unavailable database.
    pub async fn open(url: &SecretString, schema: Option<&str>, mapping: &Mapping) -> Result<Self, LegacyError> {
        let options = options(url)?;
        let connection = within(CONNECT_TIMEOUT, options.connect()).await?;
        let mut table = Self { connection, counted: None };
        table.begin(schema).await?;
        table.check_columns(schema).await?;
        let (page, wanted) = table.count(mapping).await?;
        table.declare(mapping, &wanted).await?;
        table.counted = Some(page);
        Ok(table)
    }

    /// Returns the next rows; `None` at the end.
    pub(super) async fn next_page(&mut self) -> Result<Option<Page>, LegacyError> {
        if let Some(page) = self.counted.take() {
            return Ok(Some(page));
        }
        let rows = within(READ_TIMEOUT, query(include_str!("fetch.sql")).fetch_all(&mut self.connection)).await?;
        debug_assert!(rows.len() <= PAGE_ROWS, "fetch.sql asks for a page");
        let rows: Vec<Found> = rows.iter().map(found).collect::<Result<_, _>>()?;
        Ok(Some(Page { rows, ..Page::default() }).filter(|page| !page.rows.is_empty()))
    }

    async fn begin(&mut self, schema: Option<&str>) -> Result<(), LegacyError> {
        within(READ_TIMEOUT, query(include_str!("begin.sql")).execute(&mut self.connection)).await?;
        let prepare = query(include_str!("prepare.sql")).bind(schema);
        within(READ_TIMEOUT, prepare.execute(&mut self.connection)).await.map(drop)
    }

    async fn check_columns(&mut self, schema: Option<&str>) -> Result<(), LegacyError> {
        let rows = within(READ_TIMEOUT, query(include_str!("columns.sql")).fetch_all(&mut self.connection)).await?;
        let columns: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(sql)?;
        if columns.is_empty() {
            let place = schema.map_or("the search path".to_owned(), |schema| format!("the schema {schema:?}"));
            return Err(LegacyError::NoTable(place));
        }
        match NEEDED.into_iter().find(|needed| !columns.iter().any(|column| column == needed)) {
            Some(missing) => Err(LegacyError::Unreadable(format!("it has no column `{missing}`"))),
            None => Ok(()),
        }
    }

    /// Counts all rows by status. Returns the counts of the rows that are not read, and the statuses that are.
    async fn count(&mut self, mapping: &Mapping) -> Result<(Page, Vec<String>), LegacyError> {
        let most = i64::try_from(STATUSES_MAX).unwrap_or(i64::MAX);
        let count = query(include_str!("count.sql"))
            .bind(mapping.from_colony.as_deref())
            .bind(i32::try_from(SHOWN_CHARS_MAX).unwrap_or(i32::MAX))
            // One more than the bound, so that an excess is visible.
            .bind(most.saturating_add(1));
        let rows = within(READ_TIMEOUT, count.fetch_all(&mut self.connection)).await?;
        if rows.len() > STATUSES_MAX {
            return Err(LegacyError::Unreadable(format!(
                "its column `status` has more than {STATUSES_MAX} different values: is it the status?"
            )));
        }
        let (mut page, mut wanted) = (Page::default(), Vec::new());
        for row in &rows {
            let status: String = row.try_get("status").map_err(sql)?;
            let (ours, others): (i64, i64) = (row.try_get("ours").map_err(sql)?, row.try_get("others").map_err(sql)?);
            page.other_colony += u64::try_from(others).unwrap_or(0);
            // Rows to be submitted are counted when they are read: counted here too, they would count twice.
            if mapping.submits(RowStatus::of(&status)) {
                wanted.push(status);
            } else if ours > 0 {
                page.counted.push((status, u64::try_from(ours).unwrap_or(0)));
            }
        }
        Ok((page, wanted))
    }

    async fn declare(&mut self, mapping: &Mapping, wanted: &[String]) -> Result<(), LegacyError> {
        let declare = query(include_str!("declare.sql"))
            .bind(wanted)
            .bind(mapping.from_colony.as_deref())
            .bind(i32::try_from(ROW_BYTES_MAX).unwrap_or(i32::MAX));
        within(READ_TIMEOUT, declare.execute(&mut self.connection)).await.map(drop)
    }
}

fn found(row: &PgRow) -> Result<Found, LegacyError> {
    let id: Option<String> = row.try_get("id").map_err(sql)?;
    let json: Option<String> = row.try_get("fields").map_err(sql)?;
    let bytes: i32 = row.try_get("bytes").map_err(sql)?;
    let place = id.unwrap_or_else(|| "a row without `id`".to_owned());
    // The database leaves out the JSON of a row that is too long, so that it never enters memory here.
    let fields = match json {
        Some(json) => Fields::read(&json),
        None => Err(too_long(usize::try_from(bytes).unwrap_or(usize::MAX))),
    };
    Ok(Found { place, fields })
}

/// Builds a query without a named prepared statement: behind a transaction pooler, the next query may reach another
/// server process.
fn query(sql: &'static str) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(sql).persistent(false)
}

/// Parses the URL. A URL without `sslmode=…` gets encryption, unless the server is on this machine.
fn options(url: &SecretString) -> Result<PgConnectOptions, LegacyError> {
    let options = read_url_encrypted(url.expose_secret()).map_err(|error| LegacyError::Setting(error.to_string()))?;
    Ok(options.application_name("apiary-import"))
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, LegacyError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(sql),
        Err(_) => Err(LegacyError::Unavailable(format!("no answer from Postgres within {} s", limit.as_secs()))),
    }
}

fn sql(error: sqlx::Error) -> LegacyError {
    LegacyError::sql(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_used_is_not_repeated() {
        for url in ["mysql://u:sesame@h/d", "u:sesame@h", "", "postgres://u:sesame@h:port/d"] {
            let error = options(&url.into()).map(drop).unwrap_err();
            assert!(matches!(error, LegacyError::Setting(_)) && !error.to_string().contains("sesame"), "{error}");
        }
    }
}
