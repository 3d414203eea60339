//! `invoice.*` events. They set the outcome of an invoice, not the subscription's status: that follows in an event of
//! its own.

use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, reference, second, short_text, storable, timestamp, version_id};
use super::metadata::Metadata;
use super::object::Columns;
use crate::finance::change::{InvoiceState, ObjectChange, SubscriptionChange};
use crate::finance::version;

/// Outcomes of an invoice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Drafted,
    Finalized,
    ActionRequired,
    Failed,
    Uncollectible,
    Paid,
    Voided,
    Deleted,
}

impl Outcome {
    /// Returns the outcome that an event's type tells; `None` for a type that leaves it to the invoice's status.
    fn of_type(event_type: &str) -> Option<Self> {
        Some(match event_type {
            "invoice.created" => Self::Drafted,
            "invoice.finalized" | "invoice.sent" => Self::Finalized,
            "invoice.payment_action_required" => Self::ActionRequired,
            "invoice.payment_failed" => Self::Failed,
            "invoice.marked_uncollectible" => Self::Uncollectible,
            "invoice.paid" | "invoice.payment_succeeded" => Self::Paid,
            "invoice.voided" => Self::Voided,
            "invoice.deleted" => Self::Deleted,
            _ => return None,
        })
    }

    fn of_status(invoice: &Invoice) -> Option<Self> {
        Some(match invoice.status.as_deref()? {
            "draft" => Self::Drafted,
            "open" if invoice.attempted == Some(true) => Self::Failed,
            "open" => Self::Finalized,
            "uncollectible" => Self::Uncollectible,
            "paid" => Self::Paid,
            "void" => Self::Voided,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Finalized => "finalized",
            Self::ActionRequired => "action_required",
            Self::Failed => "failed",
            Self::Uncollectible => "uncollectible",
            Self::Paid => "paid",
            Self::Voided => "voided",
            Self::Deleted => "deleted",
        }
    }

    /// Returns true for an outcome that no other follows.
    fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Voided | Self::Deleted)
    }
}

#[derive(Deserialize)]
pub(super) struct Invoice {
    id: String,
    created: Option<i64>,
    /// Name of `created` before API version 2019-03-14.
    date: Option<i64>,
    customer: Option<Reference>,
    /// Moved to `parent` in API version 2025-03-31.basil.
    subscription: Option<Reference>,
    parent: Option<Parent>,
    amount_due: Option<i64>,
    amount_paid: Option<i64>,
    currency: Option<String>,
    status: Option<String>,
    /// True once a payment was tried.
    attempted: Option<bool>,
    number: Option<String>,
    billing_reason: Option<String>,
    amount_remaining: Option<i64>,
    total: Option<i64>,
    due_date: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Reference>,
}

/// Reads an invoice: its own row, and the register of its subscription's newest invoice.
pub(super) fn changed(event: &Occurrence, event_type: &str, invoice: Invoice) -> Result<Meaning, EventError> {
    let shown = Outcome::of_status(&invoice);
    let outcome = Outcome::of_type(event_type).or(shown);
    // A draft that is finalized without a payment due is paid at once: its status says so, and outweighs the type.
    let is_final = [outcome, shown].into_iter().flatten().any(Outcome::is_final);
    let subscription_id = reference("data.object.subscription", invoice.subscription())?;
    let customer_id = reference("data.object.customer", invoice.customer.as_ref())?;
    let id = version_id("data.object.id", &invoice.id)?;
    let object = invoice.row(event, outcome, is_final, subscription_id.as_deref())?;
    // A draft says nothing of payment, so it does not count as the newest invoice.
    let subscription = match (subscription_id, outcome) {
        (None, _) | (_, None | Some(Outcome::Drafted | Outcome::Deleted)) => None,
        (Some(subscription_id), Some(outcome)) => {
            let created_s = second("data.object.created", invoice.created.or(invoice.date).unwrap_or(0))?;
            Some(SubscriptionChange {
                account: event.account.clone(),
                livemode: event.livemode,
                id: subscription_id,
                customer_version: customer_id.as_ref().map(|id| version::of_mention(event, id)).unwrap_or_default(),
                customer_id: customer_id.clone(),
                invoice_version: version::of_invoice(event, created_s, &id, is_final),
                invoice: invoice.state(event, id, outcome)?,
                ..SubscriptionChange::default()
            })
        }
    };
    let customer = customer_id.map(|id| mentioned(event, &id));
    Ok(Meaning { customer, subscription, object: Some(object), ..Meaning::default() })
}

impl Invoice {
    fn subscription(&self) -> Option<&Reference> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        self.subscription.as_ref().or_else(|| details?.subscription.as_ref())
    }

    fn state(&self, event: &Occurrence, id: String, outcome: Outcome) -> Result<InvoiceState, EventError> {
        Ok(InvoiceState {
            last_invoice_id: Some(id),
            last_invoice_outcome: Some(outcome.as_str().to_owned()),
            last_invoice_amount_due: self.amount_due,
            last_invoice_amount_paid: self.amount_paid,
            last_invoice_currency: short_text(self.currency.as_deref()),
            last_invoice_at: timestamp("created", Some(event.created_s))?,
        })
    }

    fn row(
        &self,
        event: &Occurrence,
        outcome: Option<Outcome>,
        is_final: bool,
        subscription_id: Option<&str>,
    ) -> Result<ObjectChange, EventError> {
        Columns::new()
            .set("status", self.status.as_deref().map(storable))
            .set("outcome", outcome.map(Outcome::as_str))
            .id("customer_id", self.customer.as_ref())?
            .set("subscription_id", subscription_id)
            .text("number", self.number.as_deref())
            .text("billing_reason", self.billing_reason.as_deref())
            .set("amount_due", self.amount_due)
            .set("amount_paid", self.amount_paid)
            .set("amount_remaining", self.amount_remaining)
            .set("total", self.total)
            .text("currency", self.currency.as_deref())
            .time("due_date", self.due_date)?
            .time("created", self.created.or(self.date))?
            .metadata(self.metadata.clone())
            .row(event, "invoices", &self.id, is_final)
    }
}
