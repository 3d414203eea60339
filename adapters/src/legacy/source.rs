//! Sources of rows: a table, or a dump of one.

use super::error::LegacyError;
use super::fields::Fields;
use super::file::LegacyFile;
use super::postgres::LegacyTable;

/// A source of rows.
pub enum Source {
    /// A dump.
    File(LegacyFile),
    /// The table itself.
    Table(LegacyTable),
}

/// A page of rows, in order.
#[derive(Default)]
pub(super) struct Page {
    /// The rows that were read.
    pub(super) rows: Vec<Found>,
    /// Rows counted by the source without being read, by status; none of them is submitted.
    pub(super) counted: Vec<(String, u64)>,
    /// Rows of other colonies, counted without being read.
    pub(super) other_colony: u64,
}

impl Page {
    /// Returns the number of rows, read or counted.
    pub(super) fn total(&self) -> u64 {
        let read = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        self.counted.iter().map(|(_, rows)| rows).fold(read + self.other_colony, |sum, rows| sum.saturating_add(*rows))
    }
}

/// A row as read.
pub(super) struct Found {
    /// The row's id, or its position, such as `line 12`.
    pub(super) place: String,
    /// The row's fields, or the reason why they are unreadable.
    pub(super) fields: Result<Fields, String>,
}

impl Source {
    /// Returns the next rows; `None` at the end.
    pub(super) async fn next_page(&mut self) -> Result<Option<Page>, LegacyError> {
        match self {
            Self::File(file) => file.next_page().await,
            Self::Table(table) => table.next_page().await,
        }
    }
}

impl From<LegacyFile> for Source {
    fn from(file: LegacyFile) -> Self {
        Self::File(file)
    }
}

impl From<LegacyTable> for Source {
    fn from(table: LegacyTable) -> Self {
        Self::Table(table)
    }
}
