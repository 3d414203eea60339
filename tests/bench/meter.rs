//! Meter of what work costs: processor time of broker, client and Postgres, write-ahead log, statements and writing
//! transactions.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::observer::{Observer, PostgresSample, Statements};
use crate::processor::{own_time, time_of, time_with_children};

/// Meter of brokers and a database, each in processes of their own, and of this process, the client.
pub(crate) struct Meter {
    brokers: Vec<u32>,
    observer: Option<Observer>,
}

/// Everything counted up to a moment.
pub(crate) struct Sample {
    at: Instant,
    brokers: Duration,
    client: Duration,
    postgres: Option<(PostgresSample, Duration)>,
}

/// Use of everything between two samples.
pub(crate) struct Usage {
    pub(crate) took: Duration,
    /// `None` without brokers.
    pub(crate) brokers: Option<Duration>,
    pub(crate) client: Duration,
    /// `None` on SQLite, whose work is in the broker's process.
    pub(crate) postgres: Option<PostgresUsage>,
}

/// Use of Postgres between two samples.
pub(crate) struct PostgresUsage {
    pub(crate) processor: Duration,
    pub(crate) wal_bytes: i64,
    /// Statements that clients sent, begin and commit included; `None` if the server does not count them.
    pub(crate) statements: Option<Statements>,
    /// Transactions that wrote something.
    pub(crate) writes: i64,
}

/// Costs of one process of many.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Costs {
    pub(crate) broker_us: Option<f64>,
    pub(crate) client_us: f64,
    pub(crate) postgres_us: Option<f64>,
    pub(crate) wal_bytes: Option<f64>,
    pub(crate) statements: Option<f64>,
    pub(crate) writes: Option<f64>,
}

/// Processes in a second, and what each costs.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_s: f64,
    pub(crate) costs: Costs,
}

impl Meter {
    /// Creates a meter of these brokers.
    pub(crate) fn new(brokers: Vec<u32>, observer: Option<Observer>) -> Self {
        Self { brokers, observer }
    }

    /// Returns the observer of Postgres; `None` on SQLite.
    pub(crate) fn observer(&mut self) -> Option<&mut Observer> {
        self.observer.as_mut()
    }

    /// Reads all counters.
    pub(crate) async fn sample(&mut self) -> anyhow::Result<Sample> {
        let at = Instant::now();
        let brokers = self.brokers.iter().map(|pid| time_of(*pid)).sum::<anyhow::Result<Duration>>()?;
        let postgres = match &mut self.observer {
            Some(observer) => {
                let processor = time_with_children(observer.postmaster())?;
                Some((observer.sample().await?, processor))
            }
            None => None,
        };
        Ok(Sample { at, brokers, client: own_time()?, postgres })
    }

    /// Returns what was used since a sample.
    pub(crate) async fn since(&mut self, before: &Sample) -> anyhow::Result<Usage> {
        let now = self.sample().await?;
        let postgres =
            now.postgres.zip(before.postgres.as_ref()).map(|((now, processor), (before, processor_before))| {
                PostgresUsage {
                    processor: processor.saturating_sub(*processor_before),
                    wal_bytes: now.wal_bytes - before.wal_bytes,
                    statements: now.statements.zip(before.statements.as_ref()).map(|(now, before)| Statements {
                        calls: now.calls - before.calls,
                        wal_bytes: now.wal_bytes - before.wal_bytes,
                    }),
                    writes: now.transactions - before.transactions,
                }
            });
        Ok(Usage {
            took: now.at - before.at,
            brokers: (!self.brokers.is_empty()).then(|| now.brokers.saturating_sub(before.brokers)),
            client: now.client.saturating_sub(before.client),
            postgres,
        })
    }
}

impl Usage {
    /// Divides by a number of processes.
    pub(crate) fn of(&self, count: usize) -> anyhow::Result<Rate> {
        let count = number(count)?;
        let us = |time: Duration| time.as_secs_f64() * 1e6 / count;
        let each = |value: i64| i32::try_from(value).map(|value| f64::from(value) / count).context("too many to count");
        let postgres = self.postgres.as_ref();
        let costs = Costs {
            broker_us: self.brokers.map(us),
            client_us: us(self.client),
            postgres_us: postgres.map(|used| us(used.processor)),
            wal_bytes: postgres.map(|used| each(used.wal_bytes)).transpose()?,
            statements: postgres.and_then(|used| used.statements.as_ref()).map(|used| each(used.calls)).transpose()?,
            writes: postgres.map(|used| each(used.writes)).transpose()?,
        };
        Ok(Rate { per_s: count / self.took.as_secs_f64(), costs })
    }
}

impl Costs {
    /// Adds the costs of another part of the same work.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let add = |left: Option<f64>, right: Option<f64>| left.zip(right).map(|(left, right)| left + right);
        Self {
            broker_us: add(self.broker_us, other.broker_us),
            client_us: self.client_us + other.client_us,
            postgres_us: add(self.postgres_us, other.postgres_us),
            wal_bytes: add(self.wal_bytes, other.wal_bytes),
            statements: add(self.statements, other.statements),
            writes: add(self.writes, other.writes),
        }
    }
}

/// Converts a count for a division.
pub(crate) fn number(count: usize) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
