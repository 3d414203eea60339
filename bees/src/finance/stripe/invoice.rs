//! `invoice.*` events. They set the outcome of an invoice, not the subscription's status: that follows in an event of
//! its own.

use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, reference, second, short_text, timestamp, version_id};
use crate::finance::change::{InvoiceState, SubscriptionChange};
use crate::finance::version;

/// Outcomes of an invoice, in the order in which they can follow each other within one second.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Finalized,
    ActionRequired,
    Failed,
    Uncollectible,
    Paid,
    Voided,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Finalized => "finalized",
            Self::ActionRequired => "action_required",
            Self::Failed => "failed",
            Self::Uncollectible => "uncollectible",
            Self::Paid => "paid",
            Self::Voided => "voided",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    id: String,
    #[serde(default)]
    created: Option<i64>,
    /// Name of `created` before API version 2019-03-14.
    #[serde(default)]
    date: Option<i64>,
    #[serde(default)]
    customer: Option<Reference>,
    /// Moved to `parent` in API version 2025-03-31.basil.
    #[serde(default)]
    subscription: Option<Reference>,
    #[serde(default)]
    parent: Option<Parent>,
    #[serde(default)]
    amount_due: Option<i64>,
    #[serde(default)]
    amount_paid: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    #[serde(default)]
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    #[serde(default)]
    subscription: Option<Reference>,
}

pub(super) fn became(event: &Occurrence, outcome: Outcome, invoice: Invoice) -> Result<Meaning, EventError> {
    let Some(subscription_id) = reference("data.object.subscription", invoice.subscription())? else {
        return Ok(Meaning::nothing("the invoice belongs to no subscription"));
    };
    let id = version_id("data.object.id", &invoice.id)?;
    let created_s = second("data.object.created", invoice.created.or(invoice.date).unwrap_or(0))?;
    let customer_id = reference("data.object.customer", invoice.customer.as_ref())?;
    let subscription = SubscriptionChange {
        livemode: event.livemode,
        id: subscription_id,
        customer_version: customer_id.as_ref().map(|_| version::of_mention(event)).unwrap_or_default(),
        customer_id: customer_id.clone(),
        invoice_version: version::of_invoice(event, created_s, &id, outcome as u8),
        invoice: InvoiceState {
            last_invoice_id: Some(id),
            last_invoice_outcome: Some(outcome.as_str().to_owned()),
            last_invoice_amount_due: invoice.amount_due,
            last_invoice_amount_paid: invoice.amount_paid,
            last_invoice_currency: short_text(invoice.currency.as_deref()),
            last_invoice_at: timestamp("created", Some(event.created_s))?,
        },
        ..SubscriptionChange::default()
    };
    let customer = customer_id.map(|id| mentioned(event, &id));
    Ok(Meaning { customer, subscription: Some(subscription), ..Meaning::default() })
}

impl Invoice {
    fn subscription(&self) -> Option<&Reference> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        self.subscription.as_ref().or_else(|| details?.subscription.as_ref())
    }
}
