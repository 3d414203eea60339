//! `checkout.session.*` events.

use serde::Deserialize;

use super::EventError;
use super::customer::mentioned;
use super::event::{Meaning, Occurrence};
use super::field::{Reference, object_id, reference, short_text};
use super::metadata::{Metadata, user_id};
use crate::finance::change::{CustomerChange, SubscriptionChange};
use crate::finance::version;

#[derive(Deserialize)]
pub(super) struct Session {
    id: String,
    /// Absent before API version 2019-03-14. Then a session with a subscription counts as one in subscription mode.
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default)]
    subscription: Option<Reference>,
    #[serde(default)]
    client_reference_id: Option<String>,
    #[serde(default)]
    customer_email: Option<String>,
    #[serde(default)]
    customer_details: Option<CustomerDetails>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct CustomerDetails {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

pub(super) fn completed(event: &Occurrence, kind: u8, session: Session) -> Result<Meaning, EventError> {
    match session.mode.as_deref() {
        Some("payment") => return Ok(Meaning::nothing("a checkout in payment mode has no subscription")),
        Some("setup") => return Ok(Meaning::nothing("a checkout in setup mode has no subscription")),
        _ => {}
    }
    let Some(subscription_id) = reference("data.object.subscription", session.subscription.as_ref())? else {
        return Ok(Meaning::nothing("the checkout has no subscription"));
    };
    let customer_id = reference("data.object.customer", session.customer.as_ref())?;
    let subscription = SubscriptionChange {
        livemode: event.livemode,
        id: subscription_id,
        customer_version: customer_id.as_ref().map(|_| version::of_mention(event)).unwrap_or_default(),
        customer_id: customer_id.clone(),
        checkout_version: version::of_checkout(event, kind),
        checkout_session_id: Some(object_id("data.object.id", &session.id)?),
        checkout_user_id: session.user_id(),
        ..SubscriptionChange::default()
    };
    let customer = customer_id.map(|id| session.customer(event, kind, &id));
    Ok(Meaning { customer, subscription: Some(subscription), ..Meaning::default() })
}

impl Session {
    /// Returns the user id. The metadata, written by the seller's server, take precedence: with a payment link, the
    /// payer can choose `client_reference_id`.
    fn user_id(&self) -> Option<String> {
        self.metadata.user_id().or_else(|| user_id(self.client_reference_id.as_deref()))
    }

    fn customer(&self, event: &Occurrence, kind: u8, id: &str) -> CustomerChange {
        let details = self.customer_details.as_ref();
        let email = details.and_then(|details| details.email.as_deref()).or(self.customer_email.as_deref());
        CustomerChange {
            checkout_version: version::of_checkout(event, kind),
            checkout_email: short_text(email),
            checkout_name: short_text(details.and_then(|details| details.name.as_deref())),
            checkout_user_id: self.user_id(),
            ..mentioned(event, id)
        }
    }
}
