//! Access to the columns of a row of either database.

use apiary_identity::{Digest, Id};
use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::documents::{self, DocumentDamage};
use crate::{StoreError, StoreResult};

/// A row of either database. Each method reads one column by its name; `None` is null.
pub trait Columns: Sync {
    /// Reads a 64-bit number.
    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    /// Reads a 32-bit number.
    fn small(&self, column: &str) -> Result<Option<i32>, sqlx::Error>;
    /// Reads a fraction.
    fn real(&self, column: &str) -> Result<Option<f64>, sqlx::Error>;
    /// Reads text.
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
    /// Reads bytes.
    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error>;
    /// Reads a process or grant id.
    fn uuid(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error>;
}

macro_rules! columns_of {
    ($($row:ty),*) => {$(
        impl Columns for $row {
            fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }
            fn small(&self, column: &str) -> Result<Option<i32>, sqlx::Error> {
                self.try_get(column)
            }
            fn real(&self, column: &str) -> Result<Option<f64>, sqlx::Error> {
                self.try_get(column)
            }
            fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
                self.try_get(column)
            }
            fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
                self.try_get(column)
            }
            fn uuid(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error> {
                self.try_get(column)
            }
        }
    )*};
}
columns_of!(PgRow, SqliteRow);

/// A reader of one row, which knows the names of the table and the row for the error about a value that does not fit.
pub struct Fields<'r> {
    row: &'r dyn Columns,
    table: &'static str,
    name: String,
}

impl<'r> Fields<'r> {
    /// Reads a row whose key is a process id; returns also the id.
    pub fn of_process(row: &'r dyn Columns, table: &'static str) -> StoreResult<(Self, Uuid)> {
        let mut fields = Self { row, table, name: "of unreadable id".to_owned() };
        let process_id = fields.uuid("process_id")?;
        fields.name = format!("of process {process_id}");
        Ok((fields, process_id))
    }

    /// Reads a row whose key is a number; returns also the number.
    pub fn of_number(row: &'r dyn Columns, table: &'static str) -> StoreResult<(Self, i64)> {
        let mut fields = Self { row, table, name: "of unreadable key".to_owned() };
        let key = fields.number("key")?;
        fields.name = format!("with key {key}");
        Ok((fields, key))
    }

    /// Reads a row without a key of its own.
    pub fn of_summary(row: &'r dyn Columns, table: &'static str) -> Self {
        Self { row, table, name: "of a count".to_owned() }
    }

    /// Returns the error for a column whose value was altered or damaged.
    pub fn corrupt(&self, column: &str, problem: impl std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!(
            "table `{}`, the row {}: `{column}` {problem}; restore that row from a backup",
            self.table, self.name
        ))
    }

    /// Returns a 64-bit number that must be there.
    pub fn number(&self, column: &str) -> StoreResult<i64> {
        self.present(column, self.row.number(column))
    }

    /// Returns a 64-bit number, or `None` for null.
    pub fn number_if_any(&self, column: &str) -> StoreResult<Option<i64>> {
        self.readable(column, self.row.number(column))
    }

    /// Returns a 32-bit number that must be there.
    pub fn small(&self, column: &str) -> StoreResult<i32> {
        self.present(column, self.row.small(column))
    }

    /// Returns a fraction, or `None` for null.
    pub fn real_if_any(&self, column: &str) -> StoreResult<Option<f64>> {
        self.readable(column, self.row.real(column))
    }

    /// Returns text that must be there.
    pub fn text(&self, column: &str) -> StoreResult<String> {
        self.present(column, self.row.text(column))
    }

    /// Returns text, or `None` for null.
    pub fn text_if_any(&self, column: &str) -> StoreResult<Option<String>> {
        self.readable(column, self.row.text(column))
    }

    /// Returns bytes that must be there.
    pub fn bytes(&self, column: &str) -> StoreResult<Vec<u8>> {
        self.present(column, self.row.bytes(column))
    }

    /// Returns bytes, or `None` for null.
    pub fn bytes_if_any(&self, column: &str) -> StoreResult<Option<Vec<u8>>> {
        self.readable(column, self.row.bytes(column))
    }

    /// Returns a document that must be there. A damaged one is returned as it is stored: an executor or `apiary process verify` finds the
    /// damage by the signature, and one damaged row never holds up the work on others.
    pub fn document(&self, column: &str) -> StoreResult<Bytes> {
        self.unpacked(column, self.bytes(column)?)
    }

    /// Returns a document that must be there, or its bytes as they are stored if it cannot be read, whatever the reason. For claims: the
    /// leases are made before the documents are read, and an error would lose all of them.
    pub fn document_or_bytes(&self, column: &str) -> StoreResult<Bytes> {
        let stored = self.bytes(column)?;
        Ok(documents::unpack(&stored).unwrap_or_else(|_| stored.into()))
    }

    /// Returns a document as [`document`](Self::document) does, or `None` for null.
    pub fn document_if_any(&self, column: &str) -> StoreResult<Option<Bytes>> {
        self.bytes_if_any(column)?.map(|stored| self.unpacked(column, stored)).transpose()
    }

    /// Returns a process or grant id that must be there.
    pub fn uuid(&self, column: &str) -> StoreResult<Uuid> {
        self.present(column, self.row.uuid(column))
    }

    /// Returns a process or grant id, or `None` for null.
    pub fn uuid_if_any(&self, column: &str) -> StoreResult<Option<Uuid>> {
        self.readable(column, self.row.uuid(column))
    }

    /// Returns a SHA-256 digest that must be there.
    pub fn digest(&self, column: &str) -> StoreResult<Digest> {
        let bytes = self.bytes(column)?;
        let found = bytes.len();
        bytes.try_into().map(Digest).map_err(|_| self.corrupt(column, format!("has {found} bytes, a digest has 32")))
    }

    /// Returns a key's id that must be there.
    pub fn id(&self, column: &str) -> StoreResult<Id> {
        Id::from_slice(&self.bytes(column)?).map_err(|error| self.corrupt(column, format!("is {error}")))
    }

    /// Reads a column of JSON text; null is the empty value.
    pub fn json<T: serde::de::DeserializeOwned + Default>(&self, column: &str) -> StoreResult<T> {
        match self.text_if_any(column)? {
            None => Ok(T::default()),
            Some(text) => serde_json::from_str(&text).map_err(|error| self.corrupt(column, format!("is {error}"))),
        }
    }

    fn unpacked(&self, column: &str, stored: Vec<u8>) -> StoreResult<Bytes> {
        match documents::unpack(&stored) {
            Ok(document) => Ok(document),
            // A newer broker may have written it, so it must not be shown as damage.
            Err(damage @ DocumentDamage::Dictionary(_)) => Err(self.corrupt(column, damage)),
            Err(_) => Ok(stored.into()),
        }
    }

    fn present<T>(&self, column: &str, read: Result<Option<T>, sqlx::Error>) -> StoreResult<T> {
        self.readable(column, read)?.ok_or_else(|| self.corrupt(column, "is missing"))
    }

    fn readable<T>(&self, column: &str, read: Result<Option<T>, sqlx::Error>) -> StoreResult<Option<T>> {
        match read {
            Ok(value) => Ok(value),
            // A column that the statement does not return is a fault of the statement, not of what is stored.
            Err(error @ sqlx::Error::ColumnNotFound(_)) => Err(StoreError::Refused(error.to_string())),
            Err(sqlx::Error::ColumnDecode { source, .. }) => {
                Err(self.corrupt(column, format!("cannot be read ({source})")))
            }
            Err(error) => Err(self.corrupt(column, format!("cannot be read ({error})"))),
        }
    }
}
