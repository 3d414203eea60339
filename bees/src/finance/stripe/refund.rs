//! `refund.*` events, and `charge.refund.updated`, their older name.

use serde::Deserialize;

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, storable};
use super::metadata::Metadata;
use super::object::Columns;

/// Final statuses of a refund. One that succeeded can fail later, when the bank gives the money back.
const ENDED: [&str; 2] = ["failed", "canceled"];

#[derive(Deserialize)]
pub(super) struct Refund {
    id: String,
    status: Option<String>,
    charge: Option<Reference>,
    payment_intent: Option<Reference>,
    amount: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
    failure_reason: Option<String>,
    created: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

pub(super) fn changed(event: &Occurrence, refund: Refund) -> Result<Meaning, EventError> {
    let is_final = refund.status.as_deref().is_some_and(|status| ENDED.contains(&status));
    let row = Columns::new()
        .set("status", refund.status.as_deref().map(storable))
        .id("charge_id", refund.charge.as_ref())?
        .id("payment_id", refund.payment_intent.as_ref())?
        .set("amount", refund.amount)
        .text("currency", refund.currency.as_deref())
        .text("reason", refund.reason.as_deref())
        .text("failure_reason", refund.failure_reason.as_deref())
        .time("created", refund.created)?
        .metadata(refund.metadata)
        .row(event, "refunds", &refund.id, is_final)?;
    Meaning::of_object(event, row, None)
}
