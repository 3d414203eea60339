//! Descriptions of tables, views and their columns, as Postgres has them.

use sqlx::{Row as _, query};

use super::error::ShadowError;
use super::transaction::Transaction;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Name.
    pub(super) name: String,
    /// Type as SQL, with its modifiers and its schema.
    pub(super) type_name: String,
    /// Type as the catalog names it, such as `timestamptz`.
    pub(super) base: String,
    /// True for an enum.
    pub(super) is_enum: bool,
    /// True for a domain, whose checks a translation could violate.
    pub(super) is_domain: bool,
    /// True if it must not be null.
    pub(super) not_null: bool,
    /// True if new rows get a value by themselves.
    pub(super) has_default: bool,
    /// True if it is computed, and never written.
    pub(super) is_generated: bool,
    /// True for an identity that refuses values of its own.
    pub(super) is_always: bool,
    /// True if the type has a length or precision.
    pub(super) is_limited: bool,
    /// Order of its texts as SQL; `None` for what is no text.
    pub(super) collation: Option<String>,
}

/// Reads the columns of a table or view; none if there is no such.
pub(super) async fn columns(
    transaction: &mut Transaction,
    schema: &str,
    name: &str,
) -> Result<Vec<Column>, ShadowError> {
    let rows = transaction.rows(query(include_str!("columns.sql")).bind(schema).bind(name)).await?;
    let read = rows.iter().map(|row| {
        let kind: String = row.try_get(3)?;
        Ok(Column {
            name: row.try_get(0)?,
            type_name: row.try_get(1)?,
            base: row.try_get(2)?,
            is_enum: kind == "e",
            is_domain: kind == "d",
            not_null: row.try_get(4)?,
            has_default: row.try_get(5)?,
            is_generated: row.try_get(6)?,
            is_always: row.try_get(7)?,
            is_limited: row.try_get(8)?,
            collation: row.try_get(9)?,
        })
    });
    Ok(read.collect::<Result<_, sqlx::Error>>()?)
}

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// True for an ordinary table that is no part of another.
    pub(super) is_plain_table: bool,
    /// Owner.
    pub(super) owner: String,
    /// True if policies choose the rows that others see.
    pub(super) has_policies: bool,
    /// True if the connection's role may do all that the owner may.
    pub(super) is_owned: bool,
    /// Version of the server, such as 150004.
    pub(super) server: i32,
    /// Role of the connection.
    pub(super) user: String,
}

/// Reads a table or view; `None` if there is no such.
pub(super) async fn relation(
    transaction: &mut Transaction,
    schema: &str,
    name: &str,
) -> Result<Option<Relation>, ShadowError> {
    let row = transaction.row(query(include_str!("relation.sql")).bind(schema).bind(name)).await?;
    let read = |row: sqlx::postgres::PgRow| {
        let (kind, inherits): (String, bool) = (row.try_get(0)?, row.try_get(4)?);
        Ok::<_, sqlx::Error>(Relation {
            is_plain_table: kind == "r" && !inherits,
            owner: row.try_get(1)?,
            has_policies: row.try_get(2)?,
            is_owned: row.try_get(3)?,
            server: row.try_get(5)?,
            user: row.try_get(6)?,
        })
    };
    Ok(row.map(read).transpose()?)
}
