//! Parses an event, and dispatches its object by the type of event.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::{second, short_text, version_id};
use super::{checkout, customer, invoice, subscription};
use crate::finance::change::{Change, CustomerChange, EventRow, SubscriptionChange};
use crate::finance::limits::{EVENT_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// Errors of bytes that are not an applicable event. No retry can succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Larger than any event of Stripe's.
    #[error("the event has {0} bytes, the most is {EVENT_BYTES_MAX}: check what was submitted as `stripe.event`")]
    TooLarge(usize),
    /// Not a Stripe event.
    #[error("not a Stripe event: {0}; submit the webhook's body as it came")]
    Form(String),
    /// An event with an unreadable object.
    #[error("`{field}` of {event_id} ({event_type}) cannot be parsed: {what}; look at the event at Stripe")]
    Object {
        /// Event id, `evt_…`.
        event_id: String,
        /// Event type, such as `invoice.paid`.
        event_type: String,
        /// The field's path, such as `data.object.items.data[0].quantity`.
        field: String,
        /// The fault.
        what: String,
    },
    /// A field with an unusable value.
    #[error("the event cannot be applied: `{field}` {what}; look at the event at Stripe")]
    Field {
        /// The field's path.
        field: &'static str,
        /// The fault.
        what: String,
    },
}

impl EventError {
    pub(super) fn field(field: &'static str, what: String) -> Self {
        Self::Field { field, what }
    }
}

/// Id and time of an event: the values that versions are made of.
#[derive(Clone, Debug)]
pub(in crate::finance) struct Occurrence {
    pub(in crate::finance) id: String,
    pub(in crate::finance) created_s: i64,
    pub(in crate::finance) livemode: bool,
}

/// Changes that an event makes to the state of record.
#[derive(Default)]
pub(super) struct Meaning {
    pub(super) customer: Option<CustomerChange>,
    pub(super) subscription: Option<SubscriptionChange>,
    /// Reason why the event changes nothing.
    pub(super) reason: Option<&'static str>,
}

impl Meaning {
    pub(super) fn nothing(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    created: i64,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Change {
    /// Reads the change from the body of a webhook.
    ///
    /// # Errors
    ///
    /// Bytes that are not an event, or an event whose object lacks a required field.
    pub fn from_event(bytes: &[u8]) -> Result<Self, EventError> {
        if bytes.len() > EVENT_BYTES_MAX {
            return Err(EventError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| EventError::Form(error.to_string()))?;
        let event: Event<'_> = serde_json::from_str(text).map_err(|error| EventError::Form(error.to_string()))?;
        let occurrence = Occurrence {
            id: version_id("id", &event.id)?,
            created_s: second("created", event.created)?,
            livemode: event.livemode.unwrap_or(false),
        };
        let meaning = meaning(&occurrence, &event.event_type, event.data.object)?;
        Ok(Self::new(row(&event, &occurrence, text)?, meaning))
    }

    fn new(mut event: EventRow, meaning: Meaning) -> Self {
        let Meaning { customer, subscription, reason } = meaning;
        event.reason = reason.map(str::to_owned);
        event.customer_id = customer.as_ref().map(|customer| customer.id.clone());
        event.subscription_id = subscription.as_ref().map(|subscription| subscription.id.clone());
        Self { event, customer, subscription }
    }
}

fn row(event: &Event<'_>, occurrence: &Occurrence, text: &str) -> Result<EventRow, EventError> {
    Ok(EventRow {
        livemode: occurrence.livemode,
        id: occurrence.id.clone(),
        event_type: short_text(Some(&event.event_type)).unwrap_or_default(),
        created: Timestamp::from_second(occurrence.created_s)
            .map_err(|error| EventError::field("created", error.to_string()))?,
        api_version: short_text(event.api_version.as_deref()),
        customer_id: None,
        subscription_id: None,
        reason: None,
        payload: (text.len() <= PAYLOAD_BYTES_MAX).then(|| text.to_owned()),
    })
}

/// Dispatches by type of event. The number ranks the type among events of the same second.
fn meaning(event: &Occurrence, event_type: &str, object: &RawValue) -> Result<Meaning, EventError> {
    use invoice::Outcome;

    match event_type {
        "customer.created" => customer::changed(event, 0, read(event, event_type, object)?),
        "customer.updated" => customer::changed(event, 1, read(event, event_type, object)?),
        "customer.deleted" => customer::deleted(event, 2, read(event, event_type, object)?),

        "customer.subscription.created" => subscription::changed(event, 0, read(event, event_type, object)?),
        "customer.subscription.updated"
        | "customer.subscription.paused"
        | "customer.subscription.resumed"
        | "customer.subscription.trial_will_end"
        | "customer.subscription.pending_update_applied"
        | "customer.subscription.pending_update_expired" => {
            subscription::changed(event, 1, read(event, event_type, object)?)
        }
        "customer.subscription.deleted" => subscription::deleted(event, 2, read(event, event_type, object)?),

        "checkout.session.completed" => checkout::completed(event, 0, read(event, event_type, object)?),
        "checkout.session.async_payment_succeeded" => checkout::completed(event, 1, read(event, event_type, object)?),

        "invoice.finalized" => invoice::became(event, Outcome::Finalized, read(event, event_type, object)?),
        "invoice.payment_action_required" => {
            invoice::became(event, Outcome::ActionRequired, read(event, event_type, object)?)
        }
        "invoice.payment_failed" => invoice::became(event, Outcome::Failed, read(event, event_type, object)?),
        "invoice.marked_uncollectible" => {
            invoice::became(event, Outcome::Uncollectible, read(event, event_type, object)?)
        }
        "invoice.paid" | "invoice.payment_succeeded" => {
            invoice::became(event, Outcome::Paid, read(event, event_type, object)?)
        }
        "invoice.voided" => invoice::became(event, Outcome::Voided, read(event, event_type, object)?),

        _ => Ok(Meaning::nothing("events of this type do not concern customers or subscriptions")),
    }
}

fn read<'a, T: Deserialize<'a>>(event: &Occurrence, event_type: &str, object: &'a RawValue) -> Result<T, EventError> {
    let mut reader = serde_json::Deserializer::from_str(object.get());
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, words) = (error.path().to_string(), error.inner().to_string());
        EventError::Object {
            event_id: event.id.clone(),
            event_type: event_type.to_owned(),
            // A lone dot is the object itself.
            field: if path == "." { "data.object".to_owned() } else { format!("data.object.{path}") },
            // Lines and columns are cut off: they count in the object alone, not in the event that the operator sees.
            what: words.rsplit_once(" at line ").map_or(&*words, |(what, _)| what).to_owned(),
        }
    })
}
