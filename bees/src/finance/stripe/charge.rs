//! `charge.*` events, but for those about refunds and disputes themselves.

use serde::Deserialize;

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, storable};
use super::metadata::Metadata;
use super::object::Columns;

#[derive(Deserialize)]
pub(super) struct Charge {
    id: String,
    status: Option<String>,
    customer: Option<Reference>,
    payment_intent: Option<Reference>,
    invoice: Option<Reference>,
    amount: Option<i64>,
    amount_captured: Option<i64>,
    amount_refunded: Option<i64>,
    currency: Option<String>,
    paid: Option<bool>,
    refunded: Option<bool>,
    disputed: Option<bool>,
    failure_code: Option<String>,
    created: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

pub(super) fn changed(event: &Occurrence, charge: Charge) -> Result<Meaning, EventError> {
    let row = Columns::new()
        .set("status", charge.status.as_deref().map(storable))
        .id("customer_id", charge.customer.as_ref())?
        .id("payment_id", charge.payment_intent.as_ref())?
        .id("invoice_id", charge.invoice.as_ref())?
        .set("amount", charge.amount)
        .set("amount_captured", charge.amount_captured)
        .set("amount_refunded", charge.amount_refunded)
        .text("currency", charge.currency.as_deref())
        .set("paid", charge.paid)
        .set("refunded", charge.refunded)
        .set("disputed", charge.disputed)
        .text("failure_code", charge.failure_code.as_deref())
        .time("created", charge.created)?
        .metadata(charge.metadata)
        // A charge that succeeded can still be captured, refunded and disputed: no status is final.
        .row(event, "charges", &charge.id, false)?;
    Meaning::of_object(event, row, charge.customer.as_ref())
}
