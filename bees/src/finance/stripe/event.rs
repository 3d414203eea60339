//! Parses an event, and dispatches its object by the type of event.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::customer::mentioned;
use super::field::{Reference, object_id, reference, second, short_text, version_id};
use super::surrogate;
use super::{charge, checkout, customer, dispute, invoice, payment, refund, schedule, subscription};
use crate::finance::change::{Change, CustomerChange, EventRow, ObjectChange, SubscriptionChange};
use crate::finance::limits::{EVENT_BYTES_MAX, ID_CHARS_MAX};

/// Type of the event that stands for an object as read at Stripe.
const READ: &str = "apiary.read";

/// Errors of bytes that are not an applicable event. No retry can succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Larger than any event of Stripe's.
    #[error("the event has {0} bytes, the most is {EVENT_BYTES_MAX}: check what was submitted as `stripe.event`")]
    TooLarge(usize),
    /// Not a Stripe event.
    #[error("not a Stripe event: {0}; submit the webhook's body as it came")]
    Form(String),
    /// A thin event, which does not show its object.
    #[error(
        "{event_id} ({event_type}) is a thin event and does not show its object: set `finance.stripe_secret_key` so that \
         the object is read at Stripe, or make the endpoint anew with the payload style `snapshot`"
    )]
    Thin {
        /// Event id, `evt_…`.
        event_id: String,
        /// Event type, such as `v1.customer.subscription.updated`.
        event_type: String,
    },
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
    /// Connected account; empty for one's own.
    pub(in crate::finance) account: String,
    pub(in crate::finance) id: String,
    pub(in crate::finance) created_s: i64,
    pub(in crate::finance) livemode: bool,
}

/// Changes that an event makes to the state of record.
#[derive(Default)]
pub(super) struct Meaning {
    pub(super) customer: Option<CustomerChange>,
    pub(super) subscription: Option<SubscriptionChange>,
    pub(super) object: Option<ObjectChange>,
    /// Reason why the event changes nothing.
    pub(super) reason: Option<&'static str>,
}

impl Meaning {
    pub(super) fn nothing(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::default() }
    }

    /// Returns the change of a row that may name a customer.
    pub(super) fn of_object(
        event: &Occurrence,
        row: ObjectChange,
        customer: Option<&Reference>,
    ) -> Result<Self, EventError> {
        let customer = reference("data.object.customer", customer)?.map(|id| mentioned(event, &id));
        Ok(Self { customer, object: Some(row), ..Self::default() })
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    created: i64,
    livemode: Option<bool>,
    account: Option<String>,
    api_version: Option<String>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Kind and id of an event's object.
#[derive(Default, Deserialize)]
struct Subject {
    object: Option<String>,
    id: Option<String>,
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
        let received = std::str::from_utf8(bytes).map_err(|error| EventError::Form(error.to_string()))?;
        let mut change = Self::from_text(&surrogate::repaired(received))?;
        change.event.payload = Arc::from(received);
        Ok(change)
    }

    /// Reads an event in Unicode, and leaves the payload empty.
    fn from_text(text: &str) -> Result<Self, EventError> {
        let event: Event<'_> = serde_json::from_str(text).map_err(|error| EventError::Form(error.to_string()))?;
        Self::of_event(&event)
    }

    /// Reads the change that an object as read at Stripe makes: it counts from this second on, like an event.
    ///
    /// # Errors
    ///
    /// An object that the state of record does not keep, or that lacks a required field.
    pub fn from_object(account: &str, livemode: bool, object: &Value, as_of_s: i64) -> Result<Self, EventError> {
        let (text, id) = (object.to_string(), object["id"].as_str().unwrap_or_default());
        let object = serde_json::from_str(&text).map_err(|error| EventError::Form(error.to_string()))?;
        let event = Event {
            id: reading_id(id, &text, as_of_s),
            event_type: READ.to_owned(),
            created: as_of_s,
            livemode: Some(livemode),
            account: Some(account.to_owned()).filter(|account| !account.is_empty()),
            api_version: None,
            data: Data { object },
        };
        Self::of_event(&event)
    }

    fn of_event(event: &Event<'_>) -> Result<Self, EventError> {
        let occurrence = event.occurrence()?;
        let meaning = meaning(&occurrence, &event.event_type, event.data.object)?;
        Ok(Self::new(row(event, &occurrence)?, meaning))
    }

    /// Returns this change with another state of its object: the event is recorded, and the object written as given, as
    /// of this second.
    pub(in crate::finance) fn with_object(&self, object: &Value, as_of_s: i64) -> Result<Self, EventError> {
        let EventRow { account, livemode, .. } = &self.event;
        let read = Self::from_object(account, *livemode, object, as_of_s)?;
        Ok(Self { event: self.event.clone(), ..read })
    }

    /// Returns this change of a subscription with all items: those that the event shows, and the others of these, as read
    /// at Stripe.
    pub(in crate::finance) fn with_items(&self, all: &Value) -> Result<Self, EventError> {
        let no_list = || EventError::field("data.object.items", "is no list at Stripe".to_owned());
        let text = surrogate::repaired(&self.event.payload);
        let mut event: Value = serde_json::from_str(&text).map_err(|error| EventError::Form(error.to_string()))?;
        let items = &mut event["data"]["object"]["items"];
        items["has_more"] = false.into();
        let (Some(shown), Some(all)) = (items["data"].as_array_mut(), all.as_array()) else { return Err(no_list()) };
        let others = all.iter().filter(|item| shown.iter().all(|known| known["id"] != item["id"]));
        let others: Vec<Value> = others.cloned().collect();
        shown.extend(others);
        Ok(Self { event: self.event.clone(), ..Self::from_text(&event.to_string())? })
    }

    fn new(mut event: EventRow, meaning: Meaning) -> Self {
        let Meaning { customer, subscription, object, reason } = meaning;
        let column = |name: &str| object.as_ref()?.columns.get(name)?.as_str().map(str::to_owned);
        event.reason = reason.map(str::to_owned);
        event.customer_id = customer.as_ref().map(|customer| customer.id.clone());
        event.subscription_id =
            subscription.as_ref().map(|changed| changed.id.clone()).or_else(|| column("subscription_id"));
        Self { event, customer, subscription, object }
    }
}

/// Returns the id in place of an event's for an object as read at Stripe. It depends on the contents, because two reads in
/// one second may differ.
fn reading_id(id: &str, object: &str, as_of_s: i64) -> String {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let id: String = id.chars().take(ID_CHARS_MAX / 2).map(plain).collect();
    format!("read_{as_of_s}_{id}_{:016x}", hasher.finish())
}

impl Event<'_> {
    fn occurrence(&self) -> Result<Occurrence, EventError> {
        Ok(Occurrence {
            account: self.account.as_deref().map(|id| object_id("account", id)).transpose()?.unwrap_or_default(),
            id: version_id("id", &self.id)?,
            created_s: second("created", self.created)?,
            livemode: self.livemode.unwrap_or(false),
        })
    }
}

fn row(event: &Event<'_>, occurrence: &Occurrence) -> Result<EventRow, EventError> {
    // Objects of types that are not kept may have any form.
    let subject: Subject = serde_json::from_str(event.data.object.get()).unwrap_or_default();
    Ok(EventRow {
        account: occurrence.account.clone(),
        livemode: occurrence.livemode,
        id: occurrence.id.clone(),
        event_type: short_text(Some(&event.event_type)).unwrap_or_default(),
        created: Timestamp::from_second(occurrence.created_s)
            .map_err(|error| EventError::field("created", error.to_string()))?,
        api_version: short_text(event.api_version.as_deref()),
        object_type: short_text(subject.object.as_deref()),
        object_id: short_text(subject.id.as_deref()),
        customer_id: None,
        subscription_id: None,
        reason: None,
        payload: Arc::default(),
    })
}

/// Dispatches by type of event.
fn meaning(event: &Occurrence, event_type: &str, object: &RawValue) -> Result<Meaning, EventError> {
    match event_type {
        "checkout.session.completed" => checkout::completed(event, 0, read(event, event_type, object)?),
        "checkout.session.async_payment_succeeded" => checkout::completed(event, 1, read(event, event_type, object)?),
        "customer.deleted" => customer::deleted(event, read(event, event_type, object)?),
        "customer.subscription.deleted" => subscription::deleted(event, read(event, event_type, object)?),
        "charge.refund.updated" => refund::changed(event, read(event, event_type, object)?),
        READ => of_kind(event, event_type, &kind_of(object), object),
        _ => of_kind(event, event_type, kind_told_by(event_type), object),
    }
}

/// Returns Stripe's name of the object that events of this type are about; empty for types that are not kept.
fn kind_told_by(event_type: &str) -> &str {
    const KINDS: [(&str, &str); 9] = [
        ("customer.subscription", "subscription"),
        ("customer", "customer"),
        ("subscription_schedule", "subscription_schedule"),
        ("checkout.session", "checkout.session"),
        ("invoice", "invoice"),
        ("payment_intent", "payment_intent"),
        ("charge.dispute", "dispute"),
        ("charge", "charge"),
        ("refund", "refund"),
    ];
    // `invoice.paid` is about an invoice, `customer.tax_id.created` is not about a customer.
    let noun = event_type.rsplit_once('.').map_or("", |(noun, _)| noun);
    KINDS.iter().find(|(name, _)| *name == noun).map_or("", |(_, kind)| kind)
}

fn kind_of(object: &RawValue) -> String {
    serde_json::from_str::<Subject>(object.get()).unwrap_or_default().object.unwrap_or_default()
}

fn of_kind(event: &Occurrence, event_type: &str, kind: &str, object: &RawValue) -> Result<Meaning, EventError> {
    match (kind, event_type) {
        // Announces an invoice that does not exist yet, without an id.
        ("invoice", "invoice.upcoming") => {
            Ok(Meaning::nothing("the event announces an invoice that does not exist yet"))
        }
        ("customer", _) => customer::changed(event, read(event, event_type, object)?),
        ("subscription", _) => subscription::changed(event, read(event, event_type, object)?),
        ("subscription_schedule", _) => schedule::changed(event, read(event, event_type, object)?),
        ("checkout.session", _) => checkout::changed(event, read(event, event_type, object)?),
        ("invoice", _) => invoice::changed(event, event_type, read(event, event_type, object)?),
        ("payment_intent", _) => payment::changed(event, read(event, event_type, object)?),
        ("dispute", _) => dispute::changed(event, read(event, event_type, object)?),
        ("charge", _) => charge::changed(event, read(event, event_type, object)?),
        ("refund", _) => refund::changed(event, read(event, event_type, object)?),
        _ => Ok(Meaning::nothing("events of this type are about nothing that the state of record keeps")),
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
