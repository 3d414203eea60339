//! Letters of the benchmark, and the databases that it runs on.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use apiary_tests::Backend;
use serde::Serialize;

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Letter {
    T,
    U,
    L,
    I,
    N,
    X,
    B,
    R,
    M,
    W,
    A,
}

impl Letter {
    /// All letters, in the order in which they run: the short ones first.
    pub(crate) const ALL: [Self; 11] =
        [Self::T, Self::U, Self::L, Self::A, Self::I, Self::N, Self::X, Self::B, Self::R, Self::M, Self::W];

    /// Returns what the letter measures.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::T => "20,000 processes with 256 bytes of arguments, submitted in batches, then drained",
            Self::U => "producers that submit one process at a time, while workers run",
            Self::L => "one process every 50 ms",
            Self::I => "an idle broker",
            Self::N => "1, 2 and 3 brokers on the same database",
            Self::X => "T while a transaction is held open in the database",
            Self::B => "T over a backlog",
            Self::R => "reads of a large colony",
            Self::M => "memory, and many polls and watches",
            Self::W => "100,000 waits that are over at once",
            Self::A => "webhooks of Stripe that are acknowledged, beside an Express handler that inserts them",
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl FromStr for Letter {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|letter| letter.to_string().eq_ignore_ascii_case(text.trim()));
        match found {
            Some(letter) => Ok(letter),
            None => bail!(
                "there is no letter `{text}`: choose from {}",
                Self::ALL.map(|letter| letter.to_string()).join(",")
            ),
        }
    }
}

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    Postgres,
    Sqlite,
}

impl Store {
    /// Both databases.
    pub(crate) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// Creates an empty database.
    pub(crate) async fn backend(self) -> Backend {
        match self {
            Self::Postgres => Backend::postgres().await,
            Self::Sqlite => Backend::sqlite().await,
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Sqlite => "SQLite",
        })
    }
}

impl FromStr for Store {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|store| store.to_string().eq_ignore_ascii_case(text));
        found.ok_or_else(|| anyhow::anyhow!("there is no store `{text}`: choose `postgres` or `sqlite`"))
    }
}
