//! Statements that know their names, and the span of each while it runs.

use std::time::Instant;

use sqlx::query::Query;
use sqlx::{Database, Encode, Error, Postgres, Type};
use tracing::Instrument as _;

/// The name of a statement that was made without one.
const UNNAMED: &str = "unnamed";
/// The ending of a statement's file, which its name lacks.
const ENDING: &str = ".sql";

/// The text of a statement, and its name: the path of its file without `.sql`.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    name: &'static str,
    text: &'static str,
}

/// Includes the file of a statement: `query(sql!("leases/claim.sql"))`. The path is relative to the Rust file, as in `include_str!`.
#[macro_export]
macro_rules! sql {
    ($path:literal) => {
        const { $crate::Sql::new($path, include_str!($path)) }
    };
}

impl Sql {
    /// Returns a statement's text with its name, for [`sql!`](crate::sql). A path with another ending does not compile there.
    pub const fn new(path: &'static str, text: &'static str) -> Self {
        let (name, ending) = path.split_at(path.len() - ENDING.len());
        assert!(matches!(ending.as_bytes(), b".sql"), "a statement's file ends in .sql");
        Self { name, text }
    }
}

/// A statement with its parameters.
#[must_use = "a statement does nothing until a session runs it"]
pub struct Statement<'q, DB: Database> {
    pub(crate) name: &'static str,
    pub(crate) query: Query<'q, DB, DB::Arguments>,
    /// True if the session keeps the prepared statement, and with it perhaps a plan for any parameters.
    pub(crate) is_kept: bool,
}

/// Returns a statement without parameters so far.
pub fn query<'q, DB: Database>(sql: Sql) -> Statement<'q, DB> {
    Statement { name: sql.name, query: sqlx::query(sql.text), is_kept: true }
}

impl<DB: Database> Statement<'_, DB> {
    /// Adds the next parameter.
    pub fn bind<'t, T: Encode<'t, DB> + Type<DB>>(self, value: T) -> Self {
        Self { query: self.query.bind(value), ..self }
    }
}

impl Statement<'_, Postgres> {
    /// Keeps the plan for the next run, or not.
    pub fn persistent(self, is_kept: bool) -> Self {
        Self { is_kept, ..self }
    }
}

impl<'q, DB: Database> From<Query<'q, DB, DB::Arguments>> for Statement<'q, DB> {
    fn from(query: Query<'q, DB, DB::Arguments>) -> Self {
        Self { name: UNNAMED, query, is_kept: true }
    }
}

/// Runs a statement in its span and logs its end, without its error: whoever handles the error logs that. Metrics of statements
/// belong here: name, time and success are known.
pub(crate) async fn run<T>(name: &'static str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let begun = Instant::now();
    let timed = async {
        let answer = call.await;
        let duration_ms = begun.elapsed().as_micros() as f64 / 1000.0;
        match answer {
            Ok(_) => tracing::trace!(duration_ms, "statement ended"),
            Err(_) => tracing::debug!(duration_ms, "statement failed"),
        }
        answer
    };
    timed.instrument(tracing::debug_span!("statement", file = name)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_the_name_of_its_file() {
        const CLAIM: Sql = Sql::new("leases/claim.sql", "SELECT 1");
        assert_eq!(query::<sqlx::Sqlite>(CLAIM).bind(1_i64).name, "leases/claim");
        assert_eq!(Statement::<sqlx::Sqlite>::from(sqlx::query("SELECT 1")).name, UNNAMED);
    }
}
