//! `charge.dispute.*` events.

use serde::Deserialize;

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, storable};
use super::metadata::Metadata;
use super::object::Columns;

#[derive(Deserialize)]
pub(super) struct Dispute {
    id: String,
    status: Option<String>,
    charge: Option<Reference>,
    payment_intent: Option<Reference>,
    amount: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
    is_charge_refundable: Option<bool>,
    evidence_details: Option<EvidenceDetails>,
    created: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct EvidenceDetails {
    due_by: Option<i64>,
}

pub(super) fn changed(event: &Occurrence, dispute: Dispute) -> Result<Meaning, EventError> {
    let due_by = dispute.evidence_details.as_ref().and_then(|details| details.due_by);
    let row = Columns::new()
        .set("status", dispute.status.as_deref().map(storable))
        .id("charge_id", dispute.charge.as_ref())?
        .id("payment_id", dispute.payment_intent.as_ref())?
        .set("amount", dispute.amount)
        .text("currency", dispute.currency.as_deref())
        .text("reason", dispute.reason.as_deref())
        .set("is_charge_refundable", dispute.is_charge_refundable)
        .time("evidence_due_by", due_by)?
        .time("created", dispute.created)?
        .metadata(dispute.metadata)
        // Not even won and lost are final: an inquiry can become a dispute, and a bank can reverse its decision.
        .row(event, "disputes", &dispute.id, false)?;
    Meaning::of_object(event, row, None)
}
