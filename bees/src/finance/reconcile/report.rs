//! The result of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::args::Cursor;
use crate::finance::stripe_api::Kind;

/// Differences between Stripe and the state of record, as found by one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Live or test mode, by the key.
    pub livemode: bool,
    /// The connected account; the key's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// True if differences were to be repaired.
    pub repair: bool,
    /// True if every list was read to its end.
    pub finished: bool,
    /// The place to go on from, unless finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Reason of an end before the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Numbers of objects, by kind.
    pub kinds: BTreeMap<Kind, Counts>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// Kinds that were not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// Kinds of which not all rows were looked for at Stripe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows_skipped: Vec<Skipped>,
}

/// Numbers of objects of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number read at Stripe.
    pub read: u64,
    /// Number of those that are the same in both.
    pub same: u64,
    /// Number of those that the state of record lacks.
    pub missing: u64,
    /// Number of those that are in both, with different fields.
    pub different: u64,
    /// Number written, of the missing and different ones.
    pub repaired: u64,
    /// Number left, of the missing and different ones, because an event of a later time is stored, or a final state.
    pub newer: u64,
    /// Number of rows that Stripe lacks: not among those read.
    #[serde(default)]
    pub unknown: u64,
    /// Number not compared, because the object cannot be read.
    pub failed: u64,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Kind of the object.
    pub kind: Kind,
    /// Id of the object.
    pub id: String,
    /// The sort of difference.
    pub finding: Finding,
    /// Names of the columns that differ; no values, because reports travel further than the state of record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The fault, of an object that cannot be read, or that the state of record refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// A sort of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Absent from the state of record.
    Missing,
    /// Different fields.
    Different,
    /// Unknown to Stripe, and in the state of record, which never deletes rows.
    Unknown,
    /// Not readable.
    Failed,
}

/// A kind that was not compared, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The kind.
    pub kind: Kind,
    /// The reason.
    pub why: String,
}

impl Report {
    /// Returns the number of objects that differ and were not repaired.
    pub fn open(&self) -> u64 {
        let open = |counts: &Counts| {
            (counts.missing + counts.different + counts.unknown + counts.failed)
                .saturating_sub(counts.repaired + counts.newer)
        };
        self.kinds.values().map(open).sum()
    }

    /// Adds the next run's report to this one, with at most so many differences.
    pub fn add(&mut self, next: Self, show: usize) {
        for (kind, more) in next.kinds {
            let counts = self.kinds.entry(kind).or_default();
            counts.read += more.read;
            counts.same += more.same;
            counts.missing += more.missing;
            counts.different += more.different;
            counts.repaired += more.repaired;
            counts.newer += more.newer;
            counts.unknown += more.unknown;
            counts.failed += more.failed;
        }
        self.differences.extend(next.differences);
        self.differences.truncate(show);
        self.skipped.extend(next.skipped);
        self.rows_skipped.extend(next.rows_skipped);
        (self.livemode, self.account, self.repair) = (next.livemode, next.account, next.repair);
        (self.finished, self.cursor, self.stopped) = (next.finished, next.cursor, next.stopped);
    }
}
