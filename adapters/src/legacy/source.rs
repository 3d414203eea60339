//! Where rows come from: a table, or a dump of one.

use super::error::LegacyError;
use super::fields::Fields;
use super::file::LegacyFile;
use super::postgres::LegacyTable;

/// Where rows come from.
pub enum Source {
    /// A dump.
    File(LegacyFile),
    /// The table itself.
    Table(LegacyTable),
}

/// Some rows, in order.
#[derive(Default)]
pub(super) struct Page {
    /// The rows that were read.
    pub(super) rows: Vec<Found>,
    /// Rows that the source counted without reading them, by their status; none of them is submitted.
    pub(super) counted: Vec<(String, u64)>,
    /// The same of other colonies.
    pub(super) other_colony: u64,
}

impl Page {
    /// How many rows it tells of.
    pub(super) fn total(&self) -> u64 {
        let read = u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        self.counted.iter().map(|(_, rows)| rows).fold(read + self.other_colony, |sum, rows| sum.saturating_add(*rows))
    }
}

/// A row as it was found.
pub(super) struct Found {
    /// Where it was found, such as `line 12`, or its id.
    pub(super) place: String,
    /// Its fields, or why they cannot be read.
    pub(super) fields: Result<Fields, String>,
}

impl Source {
    /// The next rows; `None` at the end.
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
