//! Goals: what each figure must be, and what it aims at.

use serde::Serialize;

use crate::letter::Store;

/// A goal of a figure.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Goal {
    bound: Bound,
    /// `true` if the bounds are for the ratio to the figure's reference, instead of the figure itself.
    pub(crate) of_reference: bool,
    pub(crate) must: f64,
    pub(crate) aim: f64,
}

/// The side on which a figure must be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtLeast,
    AtMost,
}

/// Result of the comparison of a figure with its goal.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Missed,
    Must,
    Aim,
}

impl Goal {
    const fn at_least(must: f64, aim: f64) -> Self {
        Self { bound: Bound::AtLeast, of_reference: false, must, aim }
    }

    const fn at_most(must: f64, aim: f64) -> Self {
        Self { bound: Bound::AtMost, of_reference: false, must, aim }
    }

    const fn at_least_of_reference(must: f64, aim: f64) -> Self {
        Self { bound: Bound::AtLeast, of_reference: true, must, aim }
    }

    /// Compares a figure, or its ratio to its reference, with the goal.
    pub(crate) fn judge(&self, value: f64) -> Verdict {
        let holds = |bound: f64| match self.bound {
            Bound::AtLeast => value >= bound,
            Bound::AtMost => value <= bound,
        };
        match (holds(self.aim), holds(self.must)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Must,
            (false, false) => Verdict::Missed,
        }
    }

    /// Returns the sign of the bound.
    pub(crate) fn sign(&self) -> &'static str {
        match self.bound {
            Bound::AtLeast => "≥",
            Bound::AtMost => "≤",
        }
    }
}

/// T, done a second by the batch API: on Postgres, of plain SQL without history.
pub(crate) const fn done(store: Store) -> Goal {
    match store {
        Store::Postgres => Goal::at_least_of_reference(0.16, 0.24),
        Store::Sqlite => Goal::at_least(9000.0, 9000.0),
    }
}
/// T, done a second by the SDK's `Executor`: of the batch API.
pub(crate) const DONE_SDK: Goal = Goal::at_least_of_reference(0.85, 0.85);
/// T, enqueued a second: of plain SQL.
pub(crate) const ENQUEUED: Goal = Goal::at_least_of_reference(0.17, 0.22);
/// T, write-ahead log of a process from submit to end, in bytes.
pub(crate) const WAL_BYTES: Goal = Goal::at_most(1536.0, 1229.0);
/// T, processor time of Postgres for a process, in microseconds.
pub(crate) const POSTGRES_US: Goal = Goal::at_most(55.0, 45.0);
/// T, disk of a finished process with its indexes, in bytes.
pub(crate) const DISK_BYTES: Goal = Goal::at_most(1229.0, 1024.0);
/// U with 32 producers: on Postgres, of plain SQL with group commit.
pub(crate) const fn singles(store: Store) -> Goal {
    match store {
        Store::Postgres => Goal::at_least_of_reference(0.24, 0.34),
        Store::Sqlite => Goal::at_least(3000.0, 3000.0),
    }
}
/// U with four clients of eight producers, and four executors: of one client of 32 and one executor.
pub(crate) const FOUR_CLIENTS: Goal = Goal::at_least_of_reference(0.8, 0.8);
/// X29, one slot with 32 producers: of the same slot with one.
pub(crate) const ONE_SLOT: Goal = Goal::at_least_of_reference(0.5, 1.0);
/// L, from submit to finished, the median, in microseconds.
pub(crate) const LATENCY_P50_US: Goal = Goal::at_most(5000.0, 3000.0);
/// L, the same at the 99th percentile.
pub(crate) const LATENCY_P99_US: Goal = Goal::at_most(20_000.0, 10_000.0);
/// I, statements in ten seconds.
pub(crate) const IDLE_STATEMENTS: Goal = Goal::at_most(10.0, 10.0);
/// I, bytes of write-ahead log in ten seconds.
pub(crate) const IDLE_WAL_BYTES: Goal = Goal::at_most(0.0, 0.0);
/// B and X: of T on an empty database.
pub(crate) const OVER_BACKLOG: Goal = Goal::at_least_of_reference(0.9, 0.9);
/// N, U with three brokers: of one.
pub(crate) const THREE_BROKERS_SINGLES: Goal = Goal::at_least_of_reference(1.0, 1.0);
/// N, T with three brokers: of one.
pub(crate) const THREE_BROKERS_DONE: Goal = Goal::at_least_of_reference(1.3, 1.3);
/// R, the 99th percentile of a read, in microseconds.
pub(crate) const READ_P99_US: Goal = Goal::at_most(50_000.0, 20_000.0);
/// M, a broker's memory with 100,000 processes waiting and 1,000 polls, in KiB: 100 MB.
pub(crate) const BROKER_KIB: Goal = Goal::at_most(97_656.0, 97_656.0);
/// M, a bee's memory in KiB: 30 MB.
pub(crate) const BEE_KIB: Goal = Goal::at_most(29_297.0, 29_297.0);
/// A, events acknowledged: of Express with an insert.
pub(crate) const ACKNOWLEDGED: Goal = Goal::at_least_of_reference(1.5, 1.5);
/// A, the memory of the webhook adapter, in KiB: 30 MB.
pub(crate) const WEBHOOK_KIB: Goal = Goal::at_most(29_297.0, 29_297.0);
