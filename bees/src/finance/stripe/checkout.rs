//! `checkout.session.*` events.

use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, reference, short_text, storable};
use super::metadata::{Metadata, user_id};
use super::object::Columns;
use crate::finance::change::{CustomerChange, ObjectChange, SubscriptionChange};
use crate::finance::version;

#[derive(Deserialize)]
pub(super) struct Session {
    id: String,
    /// Absent before API version 2019-03-14. Then a session with a subscription counts as one in subscription mode.
    mode: Option<String>,
    customer: Option<Reference>,
    subscription: Option<Reference>,
    payment_intent: Option<Reference>,
    invoice: Option<Reference>,
    status: Option<String>,
    payment_status: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
    created: Option<i64>,
    client_reference_id: Option<String>,
    customer_email: Option<String>,
    customer_details: Option<CustomerDetails>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct CustomerDetails {
    email: Option<String>,
    name: Option<String>,
}

/// Reads a session whose payment is settled or on its way: what the payer entered counts.
pub(super) fn completed(event: &Occurrence, kind: u8, session: Session) -> Result<Meaning, EventError> {
    let object = session.row(event)?;
    let (subscription_id, customer_id) = session.references()?;
    let checkout = version::of_checkout(event, kind, &object.id);
    let is_one_off = matches!(session.mode.as_deref(), Some("payment" | "setup"));
    let subscription = match subscription_id {
        None => None,
        Some(_) if is_one_off => None,
        Some(id) => Some(SubscriptionChange {
            account: event.account.clone(),
            livemode: event.livemode,
            id,
            customer_version: customer_id.as_ref().map(|id| version::of_mention(event, id)).unwrap_or_default(),
            customer_id: customer_id.clone(),
            checkout_version: checkout.clone(),
            checkout_session_id: Some(object.id.clone()),
            checkout_user_id: session.user_id(),
            ..SubscriptionChange::default()
        }),
    };
    // A one-off checkout says nothing of whose subscriptions the customer's are.
    let customer = customer_id.map(|id| match is_one_off {
        true => mentioned(event, &id),
        false => session.customer(event, checkout, &id),
    });
    Ok(Meaning { customer, subscription, object: Some(object), ..Meaning::default() })
}

/// Reads a session of which nothing has come: one that expired, or whose payment failed.
pub(super) fn changed(event: &Occurrence, session: Session) -> Result<Meaning, EventError> {
    let row = session.row(event)?;
    Meaning::of_object(event, row, session.customer.as_ref())
}

impl Session {
    /// Returns the ids of the subscription and of the customer.
    fn references(&self) -> Result<(Option<String>, Option<String>), EventError> {
        Ok((
            reference("data.object.subscription", self.subscription.as_ref())?,
            reference("data.object.customer", self.customer.as_ref())?,
        ))
    }

    fn row(&self, event: &Occurrence) -> Result<ObjectChange, EventError> {
        let details = self.customer_details.as_ref();
        let email = details.and_then(|details| details.email.as_deref()).or(self.customer_email.as_deref());
        let row = Columns::new()
            .set("status", self.status.as_deref().map(storable))
            .set("payment_status", self.payment_status.as_deref().map(storable))
            .text("mode", self.mode.as_deref())
            .id("customer_id", self.customer.as_ref())?
            .id("subscription_id", self.subscription.as_ref())?
            .id("payment_id", self.payment_intent.as_ref())?
            .id("invoice_id", self.invoice.as_ref())?
            .set("amount_total", self.amount_total)
            .text("currency", self.currency.as_deref())
            .text("email", email)
            .time("created", self.created)?
            .metadata(self.metadata.clone())
            .set("client_reference_id", user_id(self.client_reference_id.as_deref()));
        row.row(event, "checkouts", &self.id, self.status.as_deref() == Some("expired"))
    }

    /// Returns the user id. The metadata, written by the seller's server, take precedence: with a payment link, the
    /// payer can choose `client_reference_id`.
    fn user_id(&self) -> Option<String> {
        self.metadata.user_id().or_else(|| user_id(self.client_reference_id.as_deref()))
    }

    fn customer(&self, event: &Occurrence, checkout_version: String, id: &str) -> CustomerChange {
        let details = self.customer_details.as_ref();
        let email = details.and_then(|details| details.email.as_deref()).or(self.customer_email.as_deref());
        CustomerChange {
            checkout_version,
            checkout_email: short_text(email),
            checkout_name: short_text(details.and_then(|details| details.name.as_deref())),
            checkout_user_id: self.user_id(),
            ..mentioned(event, id)
        }
    }
}
