//! `payment_intent.*` events.

use serde::Deserialize;

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{List, Reference, storable};
use super::metadata::Metadata;
use super::object::Columns;

/// Final statuses of a payment.
const ENDED: [&str; 2] = ["canceled", "succeeded"];

#[derive(Deserialize)]
pub(super) struct PaymentIntent {
    id: String,
    status: String,
    customer: Option<Reference>,
    customer_account: Option<String>,
    /// Moved to invoice payments in API version 2025-03-31.basil.
    invoice: Option<Reference>,
    latest_charge: Option<Reference>,
    /// In place of `latest_charge` before API version 2022-11-15: the newest first.
    charges: Option<List<Reference>>,
    amount: Option<i64>,
    amount_received: Option<i64>,
    currency: Option<String>,
    description: Option<String>,
    last_payment_error: Option<PaymentError>,
    created: Option<i64>,
    canceled_at: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct PaymentError {
    code: Option<String>,
}

pub(super) fn changed(event: &Occurrence, payment: PaymentIntent) -> Result<Meaning, EventError> {
    let error = payment.last_payment_error.as_ref().and_then(|error| error.code.as_deref());
    let first = payment.charges.as_ref().and_then(|charges| charges.data.first());
    let is_final = ENDED.contains(&payment.status.as_str());
    let row = Columns::new()
        .set("status", storable(&payment.status))
        .id("customer_id", payment.customer.as_ref())?
        .text("customer_account", payment.customer_account.as_deref())
        .id("invoice_id", payment.invoice.as_ref())?
        .id("latest_charge_id", payment.latest_charge.as_ref().or(first))?
        .set("amount", payment.amount)
        .set("amount_received", payment.amount_received)
        .text("currency", payment.currency.as_deref())
        .text("description", payment.description.as_deref())
        .text("last_error_code", error)
        .time("created", payment.created)?
        .time("canceled_at", payment.canceled_at)?
        .metadata(payment.metadata)
        .row(event, "payments", &payment.id, is_final)?;
    Meaning::of_object(event, row, payment.customer.as_ref())
}
