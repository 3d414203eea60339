//! `customer.*` events.

use serde::Deserialize;

use super::EventError;
use super::event::{Meaning, Occurrence};
use super::field::{object_id, short_text};
use super::metadata::Metadata;
use crate::finance::change::CustomerChange;
use crate::finance::version;

#[derive(Deserialize)]
pub(super) struct Customer {
    id: String,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    deleted: Option<bool>,
}

pub(super) fn changed(event: &Occurrence, customer: Customer) -> Result<Meaning, EventError> {
    let deleted = customer.deleted == Some(true);
    state(event, customer, deleted)
}

pub(super) fn deleted(event: &Occurrence, customer: Customer) -> Result<Meaning, EventError> {
    state(event, customer, true)
}

fn state(event: &Occurrence, customer: Customer, deleted: bool) -> Result<Meaning, EventError> {
    let change = CustomerChange {
        account: event.account.clone(),
        livemode: event.livemode,
        id: object_id("data.object.id", &customer.id)?,
        state_version: version::of_state(event, deleted),
        email: short_text(customer.email.as_deref()),
        name: short_text(customer.name.as_deref()),
        metadata_user_id: customer.metadata.user_id(),
        metadata: customer.metadata.0,
        deleted,
        ..CustomerChange::default()
    };
    Ok(Meaning { customer: Some(change), ..Meaning::default() })
}

/// Builds the change for a customer that an event only names.
pub(super) fn mentioned(event: &Occurrence, id: &str) -> CustomerChange {
    CustomerChange {
        account: event.account.clone(),
        livemode: event.livemode,
        id: id.to_owned(),
        ..CustomerChange::default()
    }
}
