//! Settings of the database.

use std::fmt;
use std::path::PathBuf;

use apiary_database::read_url;

use crate::StartError;

/// The most connections to Postgres, by default.
const POSTGRES_CONNECTIONS_DEFAULT: u32 = 16;

/// The database: SQLite or Postgres.
#[derive(Clone)]
pub enum StoreConfig {
    /// A file on this machine, for one broker.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A Postgres server, for any number of brokers.
    Postgres {
        /// `postgres://user:password@host:port/database`.
        url: String,
        /// The most connections.
        connections_max: u32,
        /// True if a transaction pooler (PgBouncer, Supavisor) is known to be in between; if false, the broker finds out.
        has_transaction_pooler: bool,
        /// The server's own URL, past the pooler.
        direct_url: Option<String>,
    },
}

impl StoreConfig {
    /// Returns the settings of a Postgres server with the default number of connections.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::Postgres {
            url: url.into(),
            connections_max: POSTGRES_CONNECTIONS_DEFAULT,
            has_transaction_pooler: false,
            direct_url: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), StartError> {
        let unreadable = |url: &str| read_url(url).err().map(|error| error.to_string());
        let problem = match self {
            Self::Sqlite { path } if path.as_os_str().is_empty() => "is empty: name a file".to_owned(),
            Self::Postgres { url, .. } if let Some(problem) = unreadable(url) => problem,
            Self::Postgres { direct_url: Some(url), .. } if let Some(problem) = unreadable(url) => {
                return Err(StartError::Setting { setting: "broker.database_direct_url", problem });
            }
            Self::Postgres { connections_max, .. } if *connections_max < 4 => {
                format!("allows {connections_max} connections: a broker needs at least 4")
            }
            _ => return Ok(()),
        };
        Err(StartError::Setting { setting: "broker.database_url", problem })
    }
}

impl fmt::Debug for StoreConfig {
    /// Formats without the URL, which holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "Sqlite({})", path.display()),
            Self::Postgres { connections_max, .. } => write!(f, "Postgres(url hidden, {connections_max} connections)"),
        }
    }
}
