//! Results of the demo, and the expected ones.

use std::fmt::Write as _;

use apiary_bees::finance::Subscription;
use serde::Serialize;

use super::events::Customer;
use super::story::{ADA, BO};
use crate::commands::process::verify::{self, Verdict};
use crate::commands::record::show;
use crate::output::{STRONG, styled};

/// Results of the demo.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Number of posts, including duplicates and the forged one.
    pub(crate) events_posted: usize,
    /// Number of posts answered 4xx.
    pub(crate) events_refused: usize,
    /// Number of posts of an event that was posted before, which created no second process.
    pub(crate) events_duplicate: usize,
    /// Number of processes that succeeded: one for each event, however often it was posted.
    pub(crate) processes_succeeded: usize,
    /// Rows in the state of record.
    pub(crate) subscriptions: Vec<Subscription>,
    /// True if one process's chain is valid, from the colony's key to the result.
    pub(crate) chain_verified: bool,
    /// Time from the first key to the last row.
    pub(crate) elapsed_ms: u64,
    #[serde(skip)]
    pub(super) chain: Option<Verdict>,
}

/// Expected results of the story.
pub(super) struct ExpectedReport {
    pub(super) events: usize,
    pub(super) posts: usize,
    pub(super) refused: usize,
}

impl Report {
    /// Describes every unmet expectation.
    pub(super) fn unmet(&self, expected: &ExpectedReport) -> Vec<String> {
        let mut unmet = Vec::new();
        let mut count = |what: &str, found: usize, wanted: usize| {
            if found != wanted {
                unmet.push(format!("{what}: {found}, expected {wanted}"));
            }
        };
        count("events posted", self.events_posted, expected.posts);
        count("events refused", self.events_refused, expected.refused);
        count("duplicates", self.events_duplicate, expected.posts - expected.refused - expected.events);
        count("processes succeeded", self.processes_succeeded, expected.events);
        count("subscriptions", self.subscriptions.len(), 2);
        unmet.extend(self.unmet_row(ADA, "canceled"));
        unmet.extend(self.unmet_row(BO, "active"));
        if !self.chain_verified {
            unmet.push("the chain of the newest process does not hold".to_owned());
        }
        unmet
    }

    fn unmet_row(&self, who: Customer<'_>, status: &str) -> Option<String> {
        let id = who.subscription_id();
        let Some(row) = self.subscriptions.iter().find(|row| row.id == id) else {
            return Some(format!("no row {id}"));
        };
        let holds = row.status.as_deref() == Some(status)
            && row.customer_id == Some(who.customer_id())
            && row.user_id == Some(who.user_id())
            && row.ended_at.is_some() == (status == "canceled")
            && row.last_invoice_outcome.as_deref() == Some("paid");
        (!holds).then(|| format!("{id} is not {status} and paid: {}", serde_json::to_string(row).unwrap_or_default()))
    }

    /// Formats the report.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", styled(STRONG, "The state of record"));
        text.push_str(&show::text(&self.subscriptions));
        if let Some(chain) = &self.chain {
            let _ = write!(text, "\n\n{}\n{}", styled(STRONG, "One process's chain, checked"), verify::text(chain));
        }
        let _ = write!(
            text,
            "\n{} webhooks posted: {} became processes, which succeeded; {} were sent again, and made no second one; \
             {} was forged, and refused. {} ms\n\
             `apiary up` starts a colony that stays.",
            self.events_posted, self.processes_succeeded, self.events_duplicate, self.events_refused, self.elapsed_ms
        );
        text
    }
}
